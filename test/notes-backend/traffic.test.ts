/** What the requests of `rotation.test.ts` would notice: faults in the answers of a service in memory. */
import { randomUUID } from 'node:crypto';
import { setImmediate as soon } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { NoteText } from '../support/known-note.js';
import { NotesTraffic } from '../support/notes-traffic.js';
import type { Answer, RequestOptions } from '../support/running-backend.js';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly options: RequestOptions;
}

type Send = (sent: Sent) => Promise<Answer>;

const isList = ({ method, path }: Sent): boolean => method === 'GET' && path.includes('limit=');
const isRead = (sent: Sent): boolean => sent.method === 'GET' && !isList(sent);

/** Answers as the service does, where nothing fails. */
function service(): Send {
  const notes = new Map<string, { readonly text: NoteText; readonly etag: string }>();
  let version = 0;
  const answerOf = (status: number, id: string): Answer => {
    const { text, etag = '' } = notes.get(id) ?? {};
    const location = `/api/notes/${id}?workspaceId=w1`;
    return { status, headers: new Headers({ etag, location }), body: { id, ...text } };
  };
  const write = (status: number, id: string, changes: object): Answer => {
    version += 1;
    const text = { ...notes.get(id)?.text, ...changes } as NoteText;
    notes.set(id, { text, etag: `"${String(version)}"` });
    return answerOf(status, id);
  };
  return async ({ method, path, options: { headers = {}, body = {} } }) => {
    await soon();
    const { pathname, searchParams } = new URL(path, 'http://localhost');
    const [, , , id = randomUUID()] = pathname.split('/');
    if (method === 'POST') return write(201, id, body);
    if (pathname === '/api/notes') return pageOf(notes, searchParams);
    const note = notes.get(id);
    if (!note) return answerOf(404, id);
    if (method === 'GET') return answerOf(200, id);
    if (![note.etag, '*'].includes(headers['if-match'] ?? '')) return answerOf(412, id);
    if (method !== 'DELETE') return write(200, id, body);
    notes.delete(id);
    return answerOf(204, id);
  };
}

function pageOf(
  notes: ReadonlyMap<string, { readonly text: NoteText; readonly etag: string }>,
  query: URLSearchParams,
): Answer {
  const after = query.get('continuation') ?? '';
  const ids = [...notes.keys()].filter((id) => id > after).sort();
  const own = ids.slice(0, Number(query.get('limit')));
  const entries = own.map((id) => ({ id, etag: notes.get(id)?.etag, note: notes.get(id)?.text }));
  const last = own.length < ids.length ? own.at(-1) : undefined;
  const body = { entries, ...(last !== undefined && { continuation: last }) };
  return { status: 200, headers: new Headers(), body };
}

/** Notes are created first; then the fault begins. @returns What was noticed. */
async function problemsOf(
  fault: (send: Send) => Send,
  mayBeRewritten = false,
): Promise<readonly string[]> {
  const send = service();
  let sending = send;
  const traffic = new NotesTraffic({
    seed: 1,
    mayBeRewritten: () => mayBeRewritten,
    request: (method, path, options) => sending({ method, path, options }),
  });
  await traffic.fill(70);
  await countOf(traffic, 100);
  expect(traffic.problems).toEqual([]);
  sending = fault(send);
  await countOf(traffic, 400);
  await traffic.readAll();
  expect(new Set(traffic.answered.map(({ kind }) => kind)).size).toBe(7);
  return [...new Set(traffic.problems)];
}

async function countOf(traffic: NotesTraffic, count: number): Promise<void> {
  const enough = traffic.answered.length + count;
  await traffic.byClients(6, () => traffic.answered.length >= enough);
}

/** The first answer of each address, for all time. */
function frozen(isFrozen: (sent: Sent) => boolean) {
  const first = new Map<string, Answer>();
  return (send: Send): Send =>
    async (sent) => {
      const answer = first.get(sent.path) ?? (await send(sent));
      if (!isFrozen(sent)) return send(sent);
      first.set(sent.path, answer);
      return answer;
    };
}

const withEntries =
  (change: (entries: readonly object[]) => readonly object[]) =>
  (send: Send): Send =>
  async (sent) => {
    const answer = await send(sent);
    if (!isList(sent)) return answer;
    const { entries, ...rest } = answer.body as { readonly entries: readonly object[] };
    return { ...answer, body: { ...rest, entries: change(entries) } };
  };

const answering =
  (isMeant: (sent: Sent) => boolean, status: number) =>
  (send: Send): Send =>
  async (sent) =>
    isMeant(sent) ? { status, headers: new Headers(), body: {} } : send(sent);

const answeringWithBody =
  (method: string) =>
  (send: Send): Send =>
  async (sent) => {
    const answer = await send(sent);
    if (sent.method !== method) return answer;
    return { ...answer, body: { ...Object(answer.body), pinned: 'another' } as object };
  };

it.each<[string, (send: Send) => Send, RegExp]>([
  ['reads that find an earlier version', frozen(isRead), /^GET found another version/],
  ['lists that show earlier versions', frozen(isList), /^list has another version/],
  ['a list that lacks a note', withEntries((all) => all.slice(1)), /^list lacks a note/],
  [
    'a list with a note that does not open',
    withEntries((all) => all.map((each) => ({ ...each, note: undefined, problem: {} }))),
    /^list has a note with a problem/,
  ],
  [
    'a list with a note that was never created',
    withEntries((all) => [
      ...all,
      { id: 'x', etag: '"x"', note: { title: 'x', body: '', tags: [], pinned: false } },
    ]),
    /^list has a note that is of no client/,
  ],
  [
    'a lost update',
    (send) => (sent) =>
      send(
        sent.method === 'PATCH'
          ? { ...sent, options: { ...sent.options, headers: { 'if-match': '*' } } }
          : sent,
      ),
    /^PATCH under an earlier etag: 200/,
  ],
  [
    'deletions that are acknowledged and not made',
    answering(({ method }) => method === 'DELETE', 204),
    /^GET found another version: 200/,
  ],
  [
    'notes that were acknowledged and are gone',
    answering(isRead, 404),
    /^GET found another version: 404/,
  ],
  [
    'a creation that answers with another note',
    answeringWithBody('POST'),
    /^POST made another note: 201/,
  ],
  [
    'a change that answers with another note',
    answeringWithBody('PUT'),
    /^PUT answered with another version: 200/,
  ],
  ['a refused read', answering(isRead, 503), /^GET: 503/],
  ['a refused list', answering(isList, 503), /^list: 503/],
  ['a refused change', answering(({ method }) => method === 'PUT', 412), /^PUT: 412/],
  ['a refused creation', answering(({ method }) => method === 'POST', 429), /^POST: 429/],
  [
    'no answer',
    () => () => Promise.reject(new TypeError('fetch failed')),
    /^get: no answer, TypeError/,
  ],
])('notices %s', async (_, fault, problem) => {
  expect(await problemsOf(fault)).toContainEqual(expect.stringMatching(problem));
});

it('finds nothing wrong where nothing is', async () => {
  expect(await problemsOf((send) => send)).toEqual([]);
});

/** Before each seventh request, the note is written anew with the text that it has, as by a migration. */
const rewriting = (send: Send): Send => {
  let count = 0;
  return async (sent) => {
    count += 1;
    const isOfNote = sent.method !== 'POST' && !isList(sent);
    const options = { headers: { 'if-match': '*' }, body: {} };
    if (isOfNote && count % 7 === 0) await send({ ...sent, method: 'PATCH', options });
    return send(sent);
  };
};

it('reads a note again that a migration has written anew, and only where migrations do', async () => {
  expect(await problemsOf(rewriting, true)).toEqual([]);
  expect(await problemsOf(rewriting)).toContainEqual(expect.stringMatching(/^PUT: 412/));
});

it('notices a refused change that was made, where migrations write notes anew', async () => {
  const refusing =
    (send: Send): Send =>
    async (sent) => {
      const answer = await send(sent);
      return sent.method === 'PUT' && answer.status === 200 ? { ...answer, status: 412 } : answer;
    };
  const problem = /^GET found another version: 200/;
  expect(await problemsOf(refusing, true)).toContainEqual(expect.stringMatching(problem));
});
