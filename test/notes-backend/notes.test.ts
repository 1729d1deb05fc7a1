/** Needs the built package. */
import { describe, expect, it } from 'vitest';
import {
  NotesBackend,
  problemIn,
  type ListAnswer,
  type NoteAnswer,
} from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';

describe('a note', () => {
  it('is created, read, replaced, changed and deleted', async () => {
    const backend = await NotesBackend.start();
    const content = { title: 'Plans', body: 'Call the bank', tags: ['money'], pinned: true };
    const created = await backend.call('POST', LIST, { body: content });
    expect(created.status).toBe(201);
    const { id } = created.body as NoteAnswer;
    expect(created.body).toMatchObject({ ...content, workspaceId: 'w1', createdBy: 'ada' });
    const url = `/api/notes/${id}?workspaceId=w1`;
    expect(created.headers['location']).toBe(url);

    const read = await backend.call('GET', url);
    expect([read.status, read.body]).toEqual([200, created.body]);
    expect(read.headers['etag']).toBe(created.headers['etag']);
    expect(read.headers['cache-control']).toBe('no-store');

    const ifMatch = (answer: typeof read) => ({ 'if-match': String(answer.headers['etag']) });
    const replacement = { title: 'New plans', body: '' };
    const put = await backend.call('PUT', url, { headers: ifMatch(read), body: replacement });
    expect(put.body).toMatchObject({ ...replacement, tags: [], pinned: false });
    const patch = await backend.call('PATCH', url, {
      headers: ifMatch(put),
      body: { tags: ['a'] },
    });
    expect(patch.body).toMatchObject({ ...replacement, tags: ['a'] });
    expect(new Set([read, put, patch].map(({ headers }) => headers['etag'])).size).toBe(3);

    const gone = await backend.call('DELETE', url, { headers: ifMatch(patch) });
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect(problemIn(await backend.call('GET', url))).toEqual([404, 'note-not-found']);
    expect(await backend.stored.count()).toBe(0);
  });

  it('is encrypted in the database', async () => {
    const backend = await NotesBackend.start();
    const { id } = await backend.create({ tags: ['money'] });
    const stored = await backend.stored.get({ workspaceId: 'w1', id });
    const envelope = { _enc: 1, dekId: expect.any(String) as string };
    expect(stored?.document).toMatchObject({ title: envelope, body: envelope, tags: envelope });
    expect(JSON.stringify(stored)).not.toMatch(/Plans|bank|money/);
  });

  it('keeps its etag when a save changes nothing', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create({ tags: ['a'] });
    const headers = { 'if-match': etag };
    const same = await backend.call('PATCH', url, { headers, body: { tags: ['a'] } });
    expect([same.status, same.headers['etag']]).toEqual([200, etag]);
    const empty = await backend.call('PATCH', url, { headers, body: {} });
    expect([empty.status, empty.headers['etag']]).toEqual([200, etag]);
  });

  it('holds any Unicode, and every size up to the limits', async () => {
    const backend = await NotesBackend.start();
    const content = {
      title: '\u{1F510} “naïve café” \0 \uD800',
      body: 'ж'.repeat(100_000),
      tags: Array.from({ length: 50 }, (_, at) => String(at).padEnd(50, '.')),
    };
    const { url } = await backend.create(content);
    expect((await backend.call('GET', url)).body).toMatchObject(content);
  });

  it('of one workspace is not that of another with the same id', async () => {
    const backend = await NotesBackend.start();
    const { id } = await backend.create();
    const other = `/api/notes/${id}?workspaceId=w2`;
    const headers = { 'if-match': '*' };
    const body = { title: 'x', body: 'x' };
    for (const answer of [
      await backend.call('GET', other),
      await backend.call('PUT', other, { headers, body }),
      await backend.call('PATCH', other, { headers, body }),
      await backend.call('DELETE', other, { headers }),
    ]) {
      expect(problemIn(answer)).toEqual([404, 'note-not-found']);
    }
    expect(await backend.stored.count()).toBe(1);
  });

  it('is refused where the token does not name its workspace', async () => {
    const backend = await NotesBackend.start();
    const { id, url } = await backend.create();
    const token = await backend.tokenOf({ id: 'eve', workspaces: ['w2'] });
    const headers = { 'if-match': '*' };
    const body = { title: 'x', body: 'x' };
    for (const answer of [
      await backend.call('GET', url, { token }),
      await backend.call('GET', LIST, { token }),
      await backend.call('POST', LIST, { token, body }),
      await backend.call('PUT', url, { token, headers, body }),
      await backend.call('PATCH', url, { token, headers, body }),
      await backend.call('DELETE', url, { token, headers }),
    ]) {
      expect(problemIn(answer)).toEqual([403, 'forbidden']);
      expect(answer.text).not.toContain(id);
    }
  });

  it('moved into another workspace in the database does not open there', async () => {
    const backend = await NotesBackend.start();
    const { id } = await backend.create();
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    if (!item) throw new Error('It is not stored');
    await backend.stored.create({ ...item.document, workspaceId: 'w2' });
    const answer = await backend.call('GET', `/api/notes/${id}?workspaceId=w2`);
    expect(problemIn(answer)).toEqual([500, 'note-damaged']);
  });
});

describe('a database that answers with the note of another workspace', () => {
  it('does not make the service show it', async () => {
    const backend = await NotesBackend.start({
      notes: (store) => ({
        create: (...call) => store.create(...call),
        get: (key, options) => store.get({ ...key, workspaceId: 'w1' }, options),
        replace: (...call) => store.replace(...call),
        delete: (...call) => store.delete(...call),
        list: (options) => store.list({ ...options, prefix: { workspaceId: 'w1' } }),
        count: (...call) => store.count(...call),
      }),
    });
    const { id } = await backend.create();
    const url = `/api/notes/${id}?workspaceId=w2`;
    const headers = { 'if-match': '*' };
    for (const answer of [
      await backend.call('GET', url),
      await backend.call('PATCH', url, { headers, body: { pinned: true } }),
    ]) {
      expect(problemIn(answer)).toEqual([500, 'note-damaged']);
      expect(answer.text).not.toContain('Plans');
    }
    const list = await backend.call('GET', '/api/notes?workspaceId=w2');
    expect((list.body as ListAnswer).entries).toMatchObject([{ id, problem: { status: 500 } }]);
    expect(list.text).not.toContain('Plans');
  });
});

describe('the list', () => {
  it('has every note of the workspace once, page by page', async () => {
    const backend = await NotesBackend.start();
    const ids = new Set<string>();
    for (let at = 0; at < 23; at += 1) ids.add((await backend.create({ title: String(at) })).id);
    await backend.call('POST', '/api/notes?workspaceId=w2', { body: { title: 'x', body: 'x' } });
    const listed: string[] = [];
    let [next, pages] = ['', 0];
    do {
      const { body, status } = await backend.call('GET', `${LIST}&limit=5${next}`);
      expect(status).toBe(200);
      const { entries, continuation } = body as ListAnswer;
      expect(entries.length).toBeLessThanOrEqual(5);
      listed.push(...entries.map(({ id, note }) => (note?.id === id ? id : 'another')));
      if (continuation !== undefined) expect(continuation).toMatch(/^[\w-]+$/);
      next = continuation === undefined ? '' : `&continuation=${continuation}`;
      pages += 1;
    } while (next !== '');
    expect(pages).toBe(5);
    expect(listed.length).toBe(23);
    expect(new Set(listed)).toEqual(ids);
  });

  it('has etags that a change accepts', async () => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    const { entries } = (await backend.call('GET', LIST)).body as ListAnswer;
    const headers = { 'if-match': entries[0]?.etag ?? '' };
    expect((await backend.call('PATCH', url, { headers, body: { pinned: true } })).status).toBe(
      200,
    );
  });

  it('refuses a continuation of another workspace, or of nothing', async () => {
    const backend = await NotesBackend.start();
    for (let at = 0; at < 3; at += 1) await backend.create();
    const { continuation = '' } = (await backend.call('GET', `${LIST}&limit=1`)).body as ListAnswer;
    expect(continuation).not.toBe('');
    for (const given of [
      `/api/notes?workspaceId=w2&continuation=${continuation}`,
      `${LIST}&continuation=${continuation.slice(0, -6)}`,
      `${LIST}&continuation=abcdef`,
    ]) {
      expect(problemIn(await backend.call('GET', given))).toEqual([400, 'invalid-continuation']);
    }
  });

  it('has an entry with its problem for a note that does not open, and all the others', async () => {
    const backend = await NotesBackend.start();
    const [good, bad] = [await backend.create(), await backend.create()];
    const item = await backend.stored.get({ workspaceId: 'w1', id: bad.id });
    if (!item) throw new Error('It is not stored');
    const { body, title } = item.document;
    await backend.stored.replace({ ...item.document, title: body, body: title }, item.etag);
    const { entries } = (await backend.call('GET', LIST)).body as ListAnswer;
    expect(entries.find(({ id }) => id === good.id)?.note?.title).toBe('Plans');
    expect(entries.find(({ id }) => id === bad.id)).toMatchObject({
      problem: { status: 500, code: 'TAMPERED', type: 'urn:notes-backend:problem:note-damaged' },
    });
    expect(backend.linesOf(60)).toMatchObject([{ alarm: 'tampered', err: { code: 'TAMPERED' } }]);
    expect(backend.server.alarms.tampered).toBe(1);
  });
});
