/** Mixed requests to a notes backend, whose answers are compared with what was acknowledged; also outside of tests. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Random } from '../simulation/random.js';
import { KnownNote, type NoteText, type Version } from './known-note.js';
import type { Answer, RequestOptions } from './running-backend.js';

const PAGE = 50;

/** Of 100 requests. `stale` is a change under an earlier etag, which must be refused with 412. */
const MIX = { get: 50, list: 8, create: 14, put: 10, patch: 10, delete: 6, stale: 2 };

export type RequestKind = keyof typeof MIX;

const KINDS = Object.entries(MIX).flatMap(([kind, share]) =>
  Array<RequestKind>(share).fill(kind as RequestKind),
);

export interface Answered {
  readonly kind: RequestKind;
  /** From when it was due, so that those count which waited for others. */
  readonly ms: number;
  /** Of what goes on meanwhile, when it was due and when it was answered. */
  readonly phases: readonly [string, string];
}

export interface TrafficOptions {
  /** Rejects where there is no answer. */
  readonly request: (method: string, path: string, options: RequestOptions) => Promise<Answer>;
  readonly seed: number;
  /** @default '' */
  readonly phase?: () => string;
  /** @default 'w1' */
  readonly workspace?: string;
  /** In every text, so that it can be searched for where no text may be. @default '' */
  readonly marker?: string;
  /** From this many notes on, one is changed where one would be created. @default Infinity */
  readonly mostNotes?: number;
  /** Whether migrations write notes anew: their etags change then, and changes under earlier ones are refused. */
  readonly mayBeRewritten?: () => boolean;
  /** Where not, a note is changed in place of a deletion. @default always */
  readonly mayDelete?: () => boolean;
  /** Whether lists are in the order of ids, as those of SQLite are. @default true */
  readonly isOrdered?: boolean;
}

/** What comes next in a pass through the list. */
interface Page {
  readonly continuation: string;
  readonly after: string;
  readonly pass: Pass;
}

interface Range {
  readonly after: string;
  readonly upTo?: string | undefined;
  /** When it was asked for. */
  readonly sent: number;
}

interface Pass {
  /** When its first page was asked for. */
  readonly sent: number;
  readonly ids: Set<string>;
}

interface ListedEntry {
  readonly id: string;
  readonly etag: string;
  readonly note?: NoteText;
}

export class NotesTraffic {
  /** Failed requests and wrong answers; never with the text of a note. */
  readonly problems: string[] = [];
  readonly answered: Answered[] = [];
  readonly #options: Required<TrafficOptions>;
  readonly #address: string;
  readonly #random: Random;
  readonly #notes = new Map<string, KnownNote>();
  /** Ids of notes that no request changes now, for picking one; the others are in `#notes` alone. */
  readonly #free: string[] = [];
  /** Titles of notes whose creation is not answered, and when that was sent. */
  readonly #creations = new Map<string, number>();
  #now = 0;
  #number = 0;
  #deletions = 0;
  #page: Page | undefined;

  constructor(options: TrafficOptions) {
    this.#options = {
      phase: () => '',
      workspace: 'w1',
      marker: '',
      isOrdered: true,
      mostNotes: Infinity,
      mayDelete: () => true,
      mayBeRewritten: () => false,
      ...options,
    };
    this.#address = `/api/notes?workspaceId=${this.#options.workspace}`;
    this.#random = new Random(options.seed);
  }

  /** Deletions that are not answered. */
  get deletions(): number {
    return this.#deletions;
  }

  /** Of notes that exist. */
  get size(): number {
    return [...this.#notes.values()].filter((note) => note.wasThereSince(this.#now + 1)).length;
  }

  /** Creates notes, several at a time. */
  async fill(count: number, clients = 8): Promise<void> {
    let left = count;
    await this.byClients(clients, () => left-- <= 0, 'create');
  }

  /** Each client sends its next request when the one before was answered. */
  async byClients(clients: number, isOver: () => boolean, kind?: RequestKind): Promise<void> {
    const client = async (): Promise<void> => {
      while (!isOver()) await this.#send(kind);
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  /** Requests are sent at their times, however many are not answered yet. */
  async atRate(perSecond: number, isOver: () => boolean): Promise<void> {
    const startedMs = performance.now();
    const open = new Set<Promise<void>>();
    for (let count = 0; !isOver(); count += 1) {
      const dueMs = startedMs + (1_000 * count) / perSecond;
      const earlyMs = dueMs - performance.now();
      if (earlyMs > 0) await sleep(earlyMs);
      const sent = this.#send(undefined, dueMs).finally(() => open.delete(sent));
      open.add(sent);
    }
    await Promise.all(open);
  }

  /** Reads every note that was acknowledged, and every one that was deleted. */
  async readAll(clients = 8): Promise<void> {
    const ids = [...this.#notes.keys()];
    const client = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        const own = id;
        await this.#noticing('get', () => this.#get(own));
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  async #noticing(kind: RequestKind, request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      const { name, cause } = error as Error & { readonly cause?: { readonly code?: string } };
      this.problems.push(`${kind}: no answer, ${name} ${cause?.code ?? ''}`.trim());
    }
  }

  async #send(wanted?: RequestKind, dueMs = performance.now()): Promise<void> {
    const { phase } = this.#options;
    const kind = wanted ?? this.#possible(this.#random.pick(KINDS));
    const before = phase();
    await this.#noticing(kind, this.#requests[kind]);
    this.answered.push({ kind, ms: performance.now() - dueMs, phases: [before, phase()] });
  }

  /** Without a note that could be changed, one is made; where there are enough, one is changed. */
  #possible(kind: RequestKind): RequestKind {
    if (this.#free.length === 0 && kind !== 'list') return 'create';
    const { mayDelete, mostNotes } = this.#options;
    if (kind === 'create' && this.#free.length >= mostNotes) return 'put';
    return kind === 'delete' && !mayDelete() ? 'patch' : kind;
  }

  readonly #requests: Readonly<Record<RequestKind, () => Promise<void>>> = {
    get: () => this.#get(this.#random.pick(this.#ids())),
    list: () => this.#list(),
    create: () => this.#create(),
    put: () => this.#change('PUT', (own) => own),
    patch: () => this.#change('PATCH', ({ title, pinned }) => ({ title, pinned })),
    delete: () => this.#delete(),
    stale: () => this.#changeStale(),
  };

  #ids(): readonly string[] {
    // One in twenty reads asks for any note, also for one that is being changed or was deleted.
    return this.#random.chance(0.05) ? [...this.#notes.keys()] : this.#free;
  }

  #text(): NoteText {
    this.#number += 1;
    const { marker } = this.#options;
    const title = [`Note ${String(this.#number)}`, marker].filter(Boolean).join(' ');
    const pinned = this.#number % 3 === 0;
    return { title, body: `${title}. `.repeat(40), tags: ['one', title], pinned };
  }

  async #get(id: string): Promise<void> {
    const note = this.#noteOf(id);
    const sent = this.#tick();
    const answer = await this.#request('GET', note.url);
    this.#tick();
    const isGone = answer.status === 404 || (answer.status === 410 && note.wasDeletedSince(sent));
    const found = isGone ? undefined : versionIn(answer);
    if (answer.status !== 200 && !isGone) this.#report('GET', answer);
    else if (!this.#mayBe(note, found, sent)) this.#report('GET found another version', answer);
  }

  async #create(): Promise<void> {
    const text = this.#text();
    const sent = this.#tick();
    this.#creations.set(text.title, sent);
    const answer = await this.#request('POST', this.#address, text);
    const answered = this.#tick();
    if (answer.status !== 201) {
      this.#report('POST', answer);
      return;
    }
    const { id } = answer.body as { readonly id: string };
    const version = versionIn(answer);
    if (!isDeepStrictEqual(version.text, text)) this.#report('POST made another note', answer);
    const note = new KnownNote(String(answer.headers.get('location')), version, sent, answered);
    this.#notes.set(id, note);
    this.#free.push(id);
    this.#creations.delete(text.title);
  }

  async #change(
    method: 'PATCH' | 'PUT',
    sentPart: (text: NoteText) => Partial<NoteText>,
  ): Promise<void> {
    const { id, note } = this.#take();
    const { text, etag } = note.version;
    const changes = sentPart(this.#text());
    const changed = { ...text, ...changes };
    note.begin(changed, this.#tick());
    const answer = await this.#request(method, note.url, changes, etag);
    if (this.#isRewritten(answer)) return this.#readAgain(id, note);
    if (answer.status !== 200) {
      this.#report(method, answer);
      return;
    }
    const version = versionIn(answer);
    const isSame = note.acknowledge(version.etag, this.#tick());
    const isExpected = isSame || this.#options.mayBeRewritten();
    if (!isExpected || !isDeepStrictEqual(version.text, changed)) {
      this.#report(`${method} answered with another version`, answer);
    }
    this.#free.push(id);
  }

  async #delete(): Promise<void> {
    const { id, note } = this.#take();
    const { etag } = note.version;
    note.begin(undefined, this.#tick());
    const answer = await this.#deletion(note, etag);
    if (this.#isRewritten(answer)) return this.#readAgain(id, note);
    note.acknowledge(undefined, this.#tick());
    if (answer.status !== 204) this.#report('DELETE', answer);
  }

  async #deletion({ url }: KnownNote, etag: string): Promise<Answer> {
    this.#deletions += 1;
    try {
      return await this.#request('DELETE', url, undefined, etag);
    } finally {
      this.#deletions -= 1;
    }
  }

  #isRewritten({ status }: Answer): boolean {
    return status === 412 && this.#options.mayBeRewritten();
  }

  /** As a client does that was refused: the text must be the one before. */
  async #readAgain(id: string, note: KnownNote): Promise<void> {
    note.withdraw();
    await this.#get(id);
    this.#free.push(id);
  }

  #mayBe(note: KnownNote, found: Version | undefined, sent: number): boolean {
    return note.mayBe(found, sent, this.#options.mayBeRewritten());
  }

  /** Where no version was before this one, the etag is of none. */
  async #changeStale(): Promise<void> {
    const { id, note } = this.#take();
    const { title } = this.#text();
    const former = note.formerEtag ?? '"AAAA"';
    const answer = await this.#request('PATCH', note.url, { title }, former);
    if (answer.status !== 412) this.#report('PATCH under an earlier etag', answer);
    this.#free.push(id);
  }

  /** One page after the other, and again from the first one. */
  async #list(): Promise<void> {
    const page = this.#page;
    const next = page ? `&continuation=${page.continuation}` : '';
    const sent = this.#tick();
    const answer = await this.#request('GET', `${this.#address}&limit=${String(PAGE)}${next}`);
    this.#tick();
    if (answer.status !== 200) {
      this.#report('list', answer);
      return;
    }
    const { entries, continuation } = answer.body as {
      readonly entries: readonly ListedEntry[];
      readonly continuation?: string;
    };
    for (const entry of entries) this.#compare(entry, sent, answer);
    const last = entries.at(-1)?.id;
    const pass = page?.pass ?? { sent, ids: new Set() };
    for (const { id } of entries) pass.ids.add(id);
    const isLast = continuation === undefined;
    if (this.#options.isOrdered) {
      const upTo = isLast ? '~' : last;
      const ids = new Set(entries.map(({ id }) => id));
      this.#requireAll(ids, { after: page?.after ?? '', upTo, sent }, answer);
    } else if (isLast) {
      this.#requireAll(pass.ids, { after: '', upTo: '~', sent: pass.sent }, answer);
    }
    const after = last ?? page?.after ?? '';
    this.#page = isLast ? undefined : { continuation, after, pass };
  }

  #compare({ id, etag, note: text }: ListedEntry, sent: number, answer: Answer): void {
    const note = this.#notes.get(id);
    if (!text) {
      if (!note?.wasDeletedSince(sent)) this.#report('list has a note with a problem', answer);
    } else if (note) {
      const isRight = this.#mayBe(note, { text: textOf(text), etag }, sent);
      if (!isRight) this.#report('list has another version', answer);
    } else if (!this.#creations.has(text.title)) {
      this.#report('list has a note that is of no client', answer);
    }
  }

  /** No note is missing between the last one of the page before and the last one of this page. */
  #requireAll(
    listed: ReadonlySet<string>,
    { after, upTo = '', sent }: Range,
    answer: Answer,
  ): void {
    for (const [id, note] of this.#notes) {
      if (id <= after || id > upTo || listed.has(id)) continue;
      if (note.wasThereSince(sent)) this.#report('list lacks a note', answer);
    }
  }

  /** A note that no other request changes meanwhile; it is put back when its version is known again. */
  #take(): { readonly id: string; readonly note: KnownNote } {
    const at = this.#random.int(0, this.#free.length - 1);
    const id = this.#free[at] ?? '';
    const last = this.#free.pop() ?? '';
    if (last !== id) this.#free[at] = last;
    return { id, note: this.#noteOf(id) };
  }

  #noteOf(id: string): KnownNote {
    const note = this.#notes.get(id);
    if (!note) throw new Error('There is no such note');
    return note;
  }

  #request(method: string, path: string, body?: object, etag?: string): Promise<Answer> {
    return this.#options.request(method, path, {
      ...(body && { body }),
      ...(etag !== undefined && { headers: { 'if-match': etag } }),
    });
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }

  #report(what: string, { status, body }: Answer): void {
    const { type = '', code = '' } = Object(body) as { readonly type?: string; code?: string };
    this.problems.push(`${what}: ${String(status)} ${type} ${code}`.trim());
  }
}

function versionIn({ body, headers }: Answer): Version {
  return { text: textOf(body as NoteText), etag: String(headers.get('etag')) };
}

function textOf({ title, body, tags, pinned }: NoteText): NoteText {
  return { title, body, tags, pinned };
}
