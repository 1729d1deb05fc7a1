/** The backend is killed, or told to stop, under load: no acknowledged write is lost. Needs the built package. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BackendProcess, folderForTest, type Answer } from '../support/notes-backend-process.js';
import { perLane } from '../support/lane.js';
import type { ListAnswer, NoteAnswer } from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';
const CLIENTS = 8;
const LIFETIMES = perLane(2, 6);

interface Content {
  readonly title: string;
  readonly body: string;
  readonly tags: readonly string[];
}

/** What clients know about one note. */
interface Known {
  readonly url: string;
  etag: string;
  acknowledged: Content;
  /** Sent, and not answered: it may have been written. */
  unanswered: Content | 'deletion' | undefined;
}

class Load {
  readonly notes = new Map<string, Known>();
  readonly deleted = new Set<string>();
  /** Of creations whose answer never came: a note may exist that no client knows. */
  readonly unansweredCreations: Content[] = [];
  readonly refused: Answer[] = [];
  answers = 0;
  #number = 0;
  readonly #backend: BackendProcess;
  readonly #token: string;

  constructor(backend: BackendProcess, token: string, earlier?: Load) {
    this.#backend = backend;
    this.#token = token;
    if (!earlier) return;
    for (const [id, known] of earlier.notes) this.notes.set(id, known);
    for (const id of earlier.deleted) this.deleted.add(id);
    this.unansweredCreations.push(...earlier.unansweredCreations);
    this.#number = earlier.#number;
  }

  /** A note that no client touches: something is left, whatever the clients have deleted. */
  async keepOne(): Promise<void> {
    await this.#create();
  }

  /** Until the process gives no answer any more. */
  async client(): Promise<void> {
    let own: string | undefined;
    for (let step = 0; ; step += 1) {
      try {
        const known = own === undefined ? undefined : this.notes.get(own);
        if (!own || !known) own = await this.#create();
        else if (step % 7 === 6) {
          await this.#delete(own, known);
          own = undefined;
        } else await this.#change(known);
      } catch (error) {
        if (error instanceof TypeError) return;
        throw error;
      }
    }
  }

  #content(): Content {
    this.#number += 1;
    const title = `note ${String(this.#number)}`;
    return { title, body: `${title} `.repeat(40), tags: [title] };
  }

  async #create(): Promise<string | undefined> {
    const content = this.#content();
    this.unansweredCreations.push(content);
    const answer = await this.#request('POST', LIST, { body: content });
    this.unansweredCreations.splice(this.unansweredCreations.indexOf(content), 1);
    if (answer.status !== 201) return undefined;
    const { id } = answer.body as NoteAnswer;
    this.notes.set(id, {
      url: `/api/notes/${id}?workspaceId=w1`,
      etag: String(answer.headers.get('etag')),
      acknowledged: content,
      unanswered: undefined,
    });
    return id;
  }

  async #change(known: Known): Promise<void> {
    const content = this.#content();
    known.unanswered = content;
    const headers = { 'if-match': known.etag };
    const answer = await this.#request('PUT', known.url, { headers, body: content });
    known.unanswered = undefined;
    if (answer.status !== 200) return;
    known.etag = String(answer.headers.get('etag'));
    known.acknowledged = content;
  }

  async #delete(id: string, known: Known): Promise<void> {
    known.unanswered = 'deletion';
    const answer = await this.#request('DELETE', known.url, {
      headers: { 'if-match': known.etag },
    });
    known.unanswered = undefined;
    if (answer.status !== 204) return;
    this.notes.delete(id);
    this.deleted.add(id);
  }

  async #request(method: string, path: string, options: object): Promise<Answer> {
    const answer = await this.#backend.request(method, path, { token: this.#token, ...options });
    this.answers += 1;
    if (answer.status >= 400) this.refused.push(answer);
    return answer;
  }
}

const contentOf = ({ title, body, tags }: NoteAnswer): Content => ({ title, body, tags });

async function listed(backend: BackendProcess, token: string): Promise<ListAnswer['entries']> {
  const entries: ListAnswer['entries'][number][] = [];
  let next = '';
  do {
    const answer = await backend.request('GET', LIST + next, { token });
    const page = answer.body as ListAnswer;
    entries.push(...page.entries);
    next = page.continuation === undefined ? '' : `&continuation=${page.continuation}`;
  } while (next !== '');
  return entries;
}

/** Compares what clients know with what the next process reads, and takes over what it reads. */
async function check(backend: BackendProcess, token: string, load: Load): Promise<void> {
  for (const [id, known] of load.notes) {
    const answer = await backend.request('GET', known.url, { token });
    const possible = [known.acknowledged, known.unanswered];
    if (answer.status === 404) {
      expect(known.unanswered, id).toBe('deletion');
      load.notes.delete(id);
      // What was cut off is finished by sending it again, with the etag of then; or it was finished.
      const again = await backend.request('DELETE', known.url, {
        token,
        headers: { 'if-match': known.etag },
      });
      expect([204, 404]).toContain(again.status);
      continue;
    }
    expect(answer.status, id).toBe(200);
    const content = contentOf(answer.body as NoteAnswer);
    expect(possible).toContainEqual(content);
    known.acknowledged = content;
    known.unanswered = undefined;
    known.etag = String(answer.headers.get('etag'));
  }
  const entries = await listed(backend, token);
  expect(entries.filter(({ problem }) => problem)).toEqual([]);
  for (const { id, note } of entries) {
    expect(load.deleted.has(id), id).toBe(false);
    if (load.notes.has(id) || !note) continue;
    expect(load.unansweredCreations).toContainEqual(contentOf(note));
  }
  expect(entries.length).toBeGreaterThanOrEqual(load.notes.size);
}

/** Ends it after a random number of answers. */
async function lifetime(
  backend: BackendProcess,
  load: Load,
  signal: NodeJS.Signals,
): Promise<number | string> {
  await load.keepOne();
  const clients = Promise.all(Array.from({ length: CLIENTS }, () => load.client()));
  const enough = 20 + Math.floor(Math.random() * 120);
  while (load.answers < enough) await new Promise((resolve) => setTimeout(resolve, 1));
  backend.signal(signal);
  const end = await backend.ended;
  await clients;
  return end;
}

describe('no acknowledged write is lost, and none is half written', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('after %s under load', async (signal) => {
    const env = { DATABASE_FILE: join(folderForTest(), 'notes.db') };
    let load: Load | undefined;
    for (let life = 0; life < LIFETIMES; life += 1) {
      const backend = await BackendProcess.start(env);
      const token = await backend.token();
      load = new Load(backend, token, load);
      await check(backend, token, load);
      expect(await lifetime(backend, load, signal)).toBe(signal === 'SIGTERM' ? 0 : signal);
      expect(load.refused).toEqual([]);
      if (signal === 'SIGTERM') {
        expect(backend.log.map(({ msg }) => msg)).toContain('Stopped');
        expect(backend.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
      }
    }
    const backend = await BackendProcess.start(env);
    const token = await backend.token();
    if (load) await check(backend, token, load);
    expect(load?.notes.size).toBeGreaterThanOrEqual(LIFETIMES);
  });
});
