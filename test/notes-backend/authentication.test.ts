/** Needs the built package. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { HmacKey } from '../../examples/notes-backend/src/lib/tokens.js';
import { NotesBackend, problemIn } from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';

describe('a request without a valid token', () => {
  it('is 401 on every route of notes, before its body is read', async () => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    const token = await backend.tokenOf({});
    const [header, payload, signature = ''] = token.split('.');
    const refused = [
      undefined,
      '',
      'Bearer',
      `Basic ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${String(header)}.${String(payload)}.`,
      `Bearer ${String(header)}.${String(payload)}.${signature.split('').reverse().join('')}`,
    ];
    for (const authorization of refused) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const answers = [
        await backend.call('GET', url, { token: null, headers }),
        await backend.call('GET', LIST, { token: null, headers }),
        await backend.call('POST', LIST, { token: null, headers, body: 'no JSON' }),
        await backend.call('PUT', url, { token: null, headers, body: 'no JSON' }),
        await backend.call('PATCH', url, { token: null, headers, body: 'no JSON' }),
        await backend.call('DELETE', url, { token: null, headers }),
      ];
      for (const answer of answers) {
        expect(problemIn(answer), authorization).toEqual([401, 'unauthenticated']);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
    }
  });

  it('is answered where no token is needed', async () => {
    const backend = await NotesBackend.start();
    for (const url of ['/health', '/api/diagnostics/readiness', '/openapi.json']) {
      expect((await backend.call('GET', url, { token: null })).status, url).toBe(200);
    }
  });
});

describe('a signing secret', () => {
  it('rotates under load without one refused request, and the old one can be dropped at once', async () => {
    const backend = await NotesBackend.start({ env: { RATE_LIMIT_PER_MINUTE: '0' } });
    const { url } = await backend.create();
    const keyOf = (kid: string): HmacKey => ({ kid, secret: randomBytes(32) });
    let keys = { current: backend.config.tokens.current, previous: keyOf('none yet') };
    const use = (next: typeof keys): void => {
      keys = next;
      backend.tokens.replaceSettings({ ...backend.config.tokens, ...keys });
    };
    const statuses: number[] = [];
    const ROTATIONS = 5;
    let sessions = 0;
    const over = new AbortController();
    // Each client keeps its token over one rotation, as a session does.
    const client = async (): Promise<void> => {
      do {
        sessions += 1;
        const begun = keys.current?.kid;
        const token = await backend.tokenOf({});
        const isValid = (): boolean => [keys.current?.kid, keys.previous.kid].includes(begun);
        while (isValid() && !over.signal.aborted) {
          const answer = await backend.call('GET', url, { token });
          // A rotation while the request was under way may have dropped its key.
          if (isValid()) statuses.push(answer.status);
        }
      } while (!over.signal.aborted);
    };
    const clients = Promise.all(Array.from({ length: 4 }, client));
    for (let at = 0; at < ROTATIONS; at += 1) {
      const enough = statuses.length + 40;
      while (statuses.length < enough) await Promise.race([sleep(1), clients]);
      const previous = keys.current;
      if (!previous) throw new Error('There is no current key');
      use({ current: keyOf(`rotation-${String(at)}`), previous });
    }
    over.abort();
    await clients;
    expect(statuses.length).toBeGreaterThanOrEqual(40 * ROTATIONS);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(sessions).toBeGreaterThan(4);

    const old = await backend.tokenOf({});
    const previous = keys.current;
    if (!previous) throw new Error('There is no current key');
    use({ current: keyOf('last'), previous });
    expect((await backend.call('GET', url, { token: old })).status).toBe(200);
    backend.tokens.replaceSettings({
      ...backend.config.tokens,
      ...keys,
      refusedKids: [previous.kid],
    });
    expect((await backend.call('GET', url, { token: old })).status).toBe(401);
    const fresh = await backend.tokenOf({});
    expect((await backend.call('GET', url, { token: fresh })).status).toBe(200);
  });
});
