/** Needs the built package. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '@bytelyst/field-encrypt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { note } from '../../examples/notes-backend/src/notes/note.js';
import { NotesBackend, problemIn, type NoteAnswer } from '../support/notes-backend.js';

const CHANGES = [
  ['PUT', { title: 'x', body: 'x' }],
  ['PATCH', { title: 'x' }],
  ['DELETE', undefined],
] as const;

function fileOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'notes.db');
}

describe.each(CHANGES)('%s', (method, body) => {
  const call = (backend: NotesBackend, url: string, headers: Record<string, string>) =>
    backend.call(method, url, { headers, ...(body && { body }) });

  it('needs If-Match', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create();
    for (const headers of [{}, { 'if-none-match': etag }] as Record<string, string>[]) {
      expect(problemIn(await call(backend, url, headers))).toEqual([428, 'precondition-required']);
    }
    expect((await backend.call('GET', url)).headers['etag']).toBe(etag);
  });

  it('refuses any other etag than the stored one', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create();
    const inside = etag.slice(1, -1);
    for (const given of [`W/${etag}`, '"other"', '""', `"${inside}x"`, `"a", W/${etag}`]) {
      const answer = await call(backend, url, { 'if-match': given });
      expect(problemIn(answer), given).toEqual([412, 'precondition-failed']);
    }
    for (const excluded of [etag, '*', `W/${etag}`]) {
      const headers = { 'if-match': etag, 'if-none-match': excluded };
      expect(problemIn(await call(backend, url, headers))).toEqual([412, 'precondition-failed']);
    }
    expect((await backend.call('GET', url)).headers['etag']).toBe(etag);
  });

  it('refuses what is no etag', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create();
    const inside = etag.slice(1, -1);
    for (const given of [inside, `"${inside}`, `${etag};${etag}`, `${etag} ${etag}`, 'W/*', ',']) {
      const answer = await call(backend, url, { 'if-match': given });
      expect(problemIn(answer), given).toEqual([400, 'invalid-request']);
    }
  });

  it('accepts the stored etag in a list, and *', async () => {
    for (const given of ['*', 'own', '"a", own', 'own , "b"', 'W/"a",own']) {
      const backend = await NotesBackend.start();
      const { url, etag } = await backend.create();
      const headers = { 'if-match': given.replace('own', etag), 'if-none-match': '"another"' };
      expect((await call(backend, url, headers)).status, given).toBeLessThan(300);
    }
  });

  it('says that a note does not exist before it says that it has changed', async () => {
    const backend = await NotesBackend.start();
    const answer = await call(backend, '/api/notes/none?workspaceId=w1', { 'if-match': '"a"' });
    expect(problemIn(answer)).toEqual([404, 'note-not-found']);
  });

  it('loses to a change that another process makes between its read and its write', async () => {
    const file = fileOf();
    const other = await NotesBackend.start({ file });
    const { url, etag } = await other.create();
    let theirs: Promise<unknown> | undefined;
    const backend = await NotesBackend.start({
      file,
      notes: (store) => ({
        create: (...call) => store.create(...call),
        get: async (...call) => {
          const item = await store.get(...call);
          theirs ??= other.call('PATCH', url, {
            headers: { 'if-match': etag },
            body: { title: 'theirs' },
          });
          await theirs;
          return item;
        },
        replace: (...call) => store.replace(...call),
        delete: (...call) => store.delete(...call),
        list: (...call) => store.list(...call),
        count: (...call) => store.count(...call),
      }),
    });
    const answer = await call(backend, url, { 'if-match': etag });
    expect(problemIn(answer)).toEqual([412, 'precondition-failed']);
    expect((await other.call('GET', url)).body).toMatchObject({ title: 'theirs' });
    // Its key is there too, past every cache.
    other.forgetKeys();
    expect((await other.call('GET', url)).body).toMatchObject({ title: 'theirs' });
  });
});

describe('GET', () => {
  it('answers 304 without a body while the etag is current', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create();
    for (const given of [etag, `W/${etag}`, `"a", ${etag}`, '*']) {
      const answer = await backend.call('GET', url, { headers: { 'if-none-match': given } });
      expect([answer.status, answer.text, answer.headers['etag']]).toEqual([304, '', etag]);
    }
    const headers = { 'if-none-match': '"other"' };
    expect((await backend.call('GET', url, { headers })).status).toBe(200);
  });
});

describe('of many clients', () => {
  it('that send the same etag, exactly one changes the note', async () => {
    const file = fileOf();
    const backends = [await NotesBackend.start({ file }), await NotesBackend.start({ file })];
    const [first = await NotesBackend.start()] = backends;
    const { url, etag } = await first.create();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        (backends[at % 2] ?? first).call('PUT', url, {
          headers: { 'if-match': etag },
          body: { title: `of ${String(at)}`, body: '' },
        }),
      ),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners.length).toBe(1);
    expect(answers.filter(({ status }) => status === 412).length).toBe(11);
    expect((await first.call('GET', url)).body).toEqual(winners[0]?.body);
  });

  it('that count in a note, each increment is kept', async () => {
    const file = fileOf();
    const backends = [await NotesBackend.start({ file }), await NotesBackend.start({ file })];
    const [first = await NotesBackend.start()] = backends;
    const { url } = await first.create({ title: '0' });
    const increment = async (backend: NotesBackend): Promise<void> => {
      for (;;) {
        const { body, headers } = await backend.call('GET', url);
        const title = String(Number((body as NoteAnswer).title) + 1);
        const ifMatch = { 'if-match': String(headers['etag']) };
        const { status } = await backend.call('PATCH', url, { headers: ifMatch, body: { title } });
        if (status === 200) return;
        expect(status).toBe(412);
      }
    };
    const clients = Array.from({ length: 8 }, (_, at) => backends[at % 2] ?? first);
    await Promise.all(clients.map((backend) => increment(backend)));
    expect((await first.call('GET', url)).body).toMatchObject({ title: '8' });
  });
});

describe('a deletion', () => {
  it('that was cut off after it was decided is finished by the next one, with any etag', async () => {
    const backend = await NotesBackend.start();
    const { id, url, etag } = await backend.create();
    // The mark is written, and then the keys cannot be shredded.
    backend.faults.deks = { before: new StoreError('STORE_UNAVAILABLE', 'The store is down') };
    const failed = await backend.call('DELETE', url, { headers: { 'if-match': etag } });
    expect(problemIn(failed)).toEqual([503, 'unavailable']);
    expect(await backend.stored.get({ workspaceId: 'w1', id })).toBeDefined();
    backend.faults.deks = undefined;

    expect(problemIn(await backend.call('GET', url))).toEqual([404, 'note-not-found']);
    const headers = { 'if-match': '*' };
    const put = await backend.call('PUT', url, { headers, body: { title: 'x', body: 'x' } });
    expect(problemIn(put)).toEqual([404, 'note-not-found']);
    const list = await backend.call('GET', '/api/notes?workspaceId=w1');
    expect(list.body).toEqual({ entries: [] });

    const again = await backend.call('DELETE', url, { headers: { 'if-match': etag } });
    expect(again.status).toBe(204);
    expect(await backend.stored.get({ workspaceId: 'w1', id })).toBeUndefined();
  });

  it('of a note whose keys are gone succeeds', async () => {
    const backend = await NotesBackend.start();
    const { id, url, etag } = await backend.create();
    await backend.encryptor.shred(note, { workspaceId: 'w1', id });
    expect(problemIn(await backend.call('GET', url))).toEqual([410, 'note-deleted']);
    expect((await backend.call('DELETE', url, { headers: { 'if-match': etag } })).status).toBe(204);
  });
});
