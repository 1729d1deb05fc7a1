/** Needs the built package. */
import { StoreError } from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import { shownError } from '../../examples/notes-backend/src/lib/logging.js';
import { traceContextOf } from '../../examples/notes-backend/src/lib/request-context.js';
import { NotesBackend, problemIn } from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('the log', () => {
  it('connects the lines of a request by its id and its trace', async () => {
    const backend = await NotesBackend.start();
    const headers = { 'x-request-id': 'r-1.2_3', traceparent: `00-${TRACE}-${SPAN}-01` };
    const answer = await backend.call('GET', LIST, { headers });
    expect(answer.headers['x-request-id']).toBe('r-1.2_3');
    const lines = backend.log.filter(({ reqId }) => reqId === 'r-1.2_3');
    const ids = { traceId: TRACE, parentSpanId: SPAN };
    expect(lines).toMatchObject([
      { ...ids, msg: 'incoming request', req: { method: 'GET', route: '/api/notes' } },
      { ...ids, msg: 'request completed', res: { statusCode: 200 } },
    ]);
  });

  it.each(['', 'a b', 'x'.repeat(65), '"},{"level":60', 'ä', 'a\tb'])(
    'replaces the request id %j',
    async (given) => {
      const backend = await NotesBackend.start();
      const answer = await backend.call('GET', LIST, { headers: { 'x-request-id': given } });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it.each([
    [`00-${TRACE}-${SPAN}-00`, true],
    [`cc-${TRACE}-${SPAN}-01-what-may-come`, true],
    [`00-${TRACE}-${SPAN}-01-more`, false],
    [`ff-${TRACE}-${SPAN}-01`, false],
    [`00-${'0'.repeat(32)}-${SPAN}-01`, false],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, false],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
    [`00-${TRACE}-${SPAN}`, false],
    ['', false],
    ['nonsense', false],
  ])('takes the traceparent %j: %j', (traceparent, isTaken) => {
    const expected = isTaken ? { traceId: TRACE, parentSpanId: SPAN } : undefined;
    expect(traceContextOf({ headers: { traceparent } })).toEqual(expected);
    expect(traceContextOf({ headers: {} })).toBeUndefined();
  });

  it('shows nothing of a note, its ciphertext, a token or a key, whatever is sent', async () => {
    const backend = await NotesBackend.start({ env: { LOG_LEVEL: 'trace' } });
    const marks = [
      'mark-title',
      'mark-body',
      'mark-tag',
      'mark-header',
      'mark-query',
      'mark-error',
    ];
    const note = { title: 'mark-title', body: 'mark-body', tags: ['mark-tag'] };
    const { id, url } = await backend.create(note);
    const token = await backend.tokenOf({});
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    if (!item) throw new Error('It is not stored');
    await backend.call('GET', `${LIST}&q=mark-query`);
    await backend.call('GET', `/mark-query?q=mark-query`);
    await backend.call('POST', LIST, { body: '{"title":"mark-title' });
    await backend.call('POST', LIST, { body: { ...note, colour: 'mark-body' } });
    await backend.call('PUT', url, { headers: { 'if-match': 'mark-header' }, body: note });
    await backend.call('GET', url, { token: 'mark-header.mark-header.mark-header' });
    const { title, body } = item.document;
    await backend.stored.replace({ ...item.document, title: body, body: title }, item.etag);
    expect(problemIn(await backend.call('GET', url))).toEqual([500, 'note-damaged']);
    await backend.call('GET', LIST);
    for (const error of [
      new Error('mark-error'),
      new StoreError('STORE_FAILED', 'refused', { cause: new Error('mark-error') }),
      Object.assign(new Error('mark-error\n    at x (mark-error:1:1) mark-error'), { body: note }),
    ]) {
      backend.faults.notes = { before: error };
      expect((await backend.call('GET', url)).status).toBe(500);
    }
    const log = JSON.stringify(backend.log);
    expect(backend.log.length).toBeGreaterThan(20);
    for (const mark of marks) expect(log, mark).not.toContain(mark);
    for (const { ct } of [title, body]) expect(log).not.toContain(ct.slice(0, 16));
    expect(log).not.toContain(token.split('.')[2]);
  });

  it('redacts what someone logs by mistake', async () => {
    const backend = await NotesBackend.start();
    const secrets = { authorization: 'mark', token: 'mark', ct: 'mark' };
    backend.server.app.log.info({ ...secrets, deep: secrets });
    expect(backend.log.at(-1)).toMatchObject({
      authorization: '[redacted]',
      deep: { token: '[redacted]', ct: '[redacted]' },
    });
    expect(JSON.stringify(backend.log)).not.toContain('mark');
  });

  it('shows the name, the code and the places of an error', () => {
    const cause = Object.assign(new TypeError('a value'), { code: 'ECONNRESET' });
    const shown = shownError(new StoreError('STORE_FAILED', 'The store refused', { cause }));
    expect(shown).toMatchObject({
      type: 'StoreError',
      message: 'The store refused',
      code: 'STORE_FAILED',
      cause: { type: 'TypeError', message: '', code: 'ECONNRESET' },
    });
    expect(shown.stack).toMatch(/^at .*logs\.test\.ts/);
    expect(shownError('text')).toEqual({ type: 'string', message: '', stack: '' });
  });
});
