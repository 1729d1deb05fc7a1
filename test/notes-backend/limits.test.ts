/** Needs the built package. */
import { describe, expect, it } from 'vitest';
import { NotesBackend, problemIn } from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';

describe('the rate limit', () => {
  it('is of each caller, and says when to try again', async () => {
    const backend = await NotesBackend.start({ env: { RATE_LIMIT_PER_MINUTE: '5' } });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) statuses.push((await backend.call('GET', LIST)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    const refused = await backend.call('GET', LIST);
    expect(problemIn(refused)).toEqual([429, 'rate-limited']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers['content-type']).toBe('application/problem+json');

    const token = await backend.tokenOf({ id: 'grace' });
    expect((await backend.call('GET', LIST, { token })).status).toBe(200);
    for (let at = 0; at < 10; at += 1) {
      expect((await backend.call('GET', '/health', { token: null })).status).toBe(200);
    }
  });

  it('can be turned off', async () => {
    const backend = await NotesBackend.start({ env: { RATE_LIMIT_PER_MINUTE: '0' } });
    const { headers } = await backend.call('GET', LIST);
    expect(Object.keys(headers).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
  });
});

describe('overload', () => {
  it('refuses requests for notes with Retry-After, and still answers about itself', async () => {
    const backend = await NotesBackend.start({ env: { MAX_EVENT_LOOP_DELAY_MS: '1' } });
    // Sampled four times a second: from the first sample on every delay is above 1 ms.
    let answer = await backend.call('GET', LIST);
    for (let at = 0; answer.status !== 503 && at < 400; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer = await backend.call('GET', LIST);
    }
    expect(problemIn(answer)).toEqual([503, 'overloaded']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    for (const url of ['/health', '/api/diagnostics/readiness']) {
      expect((await backend.call('GET', url, { token: null })).status).toBe(200);
    }
  });
});
