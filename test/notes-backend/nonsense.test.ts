/** Needs the built package. */
import { describe, expect, it } from 'vitest';
import {
  NotesBackend,
  problemIn,
  type Method,
  type ProblemAnswer,
} from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';
const GOOD = { title: 'x', body: 'x' };

describe('a body that is nonsense', () => {
  it.each([
    ['no JSON', 'title=x'],
    ['half of it', '{"title":"x"'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '7'],
    ['a title that is no text', JSON.stringify({ ...GOOD, title: 7 })],
    ['a title that is an object', JSON.stringify({ ...GOOD, title: { _enc: 1 } })],
    ['a title that is too long', JSON.stringify({ ...GOOD, title: 'x'.repeat(201) })],
    ['a body that is too long', JSON.stringify({ ...GOOD, body: 'x'.repeat(100_001) })],
    ['too many tags', JSON.stringify({ ...GOOD, tags: Array(51).fill('x') })],
    ['tags in tags', JSON.stringify({ ...GOOD, tags: [['x']] })],
    ['an envelope as a tag', JSON.stringify({ ...GOOD, tags: [{ _enc: 1, dekId: 'x' }] })],
    ['null for a tag', JSON.stringify({ ...GOOD, tags: [null] })],
    ['a property that is not declared', JSON.stringify({ ...GOOD, colour: 'red' })],
    ['an id', JSON.stringify({ ...GOOD, id: 'mine' })],
    ['another workspace', JSON.stringify({ ...GOOD, workspaceId: 'w2' })],
    ['a mark of deletion', JSON.stringify({ ...GOOD, deletedAt: 'now' })],
    ['a property _enc', JSON.stringify({ ...GOOD, _enc: 1 })],
    ['a property constructor', '{"title":"x","body":"x","constructor":{"prototype":{"x":1}}}'],
    ['a property __proto__', '{"title":"x","body":"x","__proto__":{"pinned":true}}'],
  ])('%s is 400', async (_, body) => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    const headers = { 'if-match': '*' };
    for (const answer of [
      await backend.call('POST', LIST, { body }),
      await backend.call('PUT', url, { headers, body }),
      await backend.call('PATCH', url, { headers, body }),
    ]) {
      expect(problemIn(answer)).toEqual([400, 'invalid-request']);
    }
    expect(await backend.stored.count()).toBe(1);
  });

  it('is refused where a property is missing, with its place and without a value', async () => {
    const backend = await NotesBackend.start();
    const body = JSON.stringify({ body: 7, tags: ['secret-tag', 7] });
    const answer = await backend.call('POST', LIST, { body });
    const { errors } = answer.body as ProblemAnswer;
    expect(errors).toMatchObject([
      { in: 'body', path: '/title' },
      { in: 'body', path: '/body' },
      { in: 'body', path: '/tags/1' },
    ]);
    expect(answer.text).not.toContain('secret-tag');
  });

  it('is 413 where it is too large, and 415 where it is no JSON', async () => {
    const backend = await NotesBackend.start({ env: { BODY_LIMIT_BYTES: '1024' } });
    const body = JSON.stringify({ ...GOOD, body: 'x'.repeat(2_000) });
    expect(problemIn(await backend.call('POST', LIST, { body }))).toEqual([413, 'body-too-large']);
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'nonsense']) {
      const answer = await backend.call('POST', LIST, {
        body: JSON.stringify(GOOD),
        headers: { 'content-type': type },
      });
      expect(problemIn(answer), type).toEqual([415, 'unsupported-media-type']);
    }
  });
});

describe('an address that is nonsense', () => {
  it.each([
    '/api/notes',
    '/api/notes?workspaceId=',
    '/api/notes?workspaceId=w1&workspaceId=w2',
    '/api/notes?workspaceId[]=w1',
    `/api/notes?workspaceId=${'w'.repeat(65)}`,
    '/api/notes?workspaceId=w1%00',
    `${LIST}&limit=0`,
    `${LIST}&limit=101`,
    `${LIST}&limit=many`,
    `${LIST}&limit=1.5`,
    `${LIST}&continuation=%22`,
    `${LIST}&continuation=${'x'.repeat(4_097)}`,
    '/api/notes/n1',
    '/api/notes/a%2Fb?workspaceId=w1',
    '/api/notes/%C3%A4?workspaceId=w1',
    '/api/notes/..%2F..?workspaceId=w1',
    `/api/notes/${'n'.repeat(65)}?workspaceId=w1`,
  ])('%s is 400', async (url) => {
    const backend = await NotesBackend.start();
    expect(problemIn(await backend.call('GET', url))).toEqual([400, 'invalid-request']);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api/notes/a/b?workspaceId=w1'],
    ['POST', '/api/notes/a?workspaceId=w1'],
    ['DELETE', '/api/notes?workspaceId=w1'],
    ['GET', '/api/diagnostics/readiness/more'],
    ['GET', '/%'],
    ['GET', `/api/notes/${'n'.repeat(200)}?workspaceId=w1`],
  ] satisfies [Method, string][])('%s %s leads nowhere', async (method, url) => {
    const backend = await NotesBackend.start();
    const answer = await backend.call(method, url, { headers: { 'if-match': '*' } });
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });
});
