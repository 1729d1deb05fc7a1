/** Creates, reads, changes, lists and deletes notes, encrypted. @module */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  isFieldEncryptionError,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { HttpProblem } from '../lib/problems.js';
import type { Precondition } from './etags.js';
import { note, type Note, type NoteContent, type NoteKey, type StoredNote } from './note.js';
import type { NoteChanges } from './schemas.js';

interface NoteItem {
  readonly document: Note;
  readonly etag: string;
}

export type ListedNote =
  | { readonly id: string; readonly etag: string; readonly note: Note }
  | { readonly id: string; readonly etag: string; readonly error: unknown };

export interface NotePage {
  readonly entries: readonly ListedNote[];
  readonly continuation: string | undefined;
}

export interface NotePageQuery {
  readonly workspaceId: string;
  readonly limit: number;
  readonly continuation: string | undefined;
}

interface NotesParts {
  readonly encryptor: FieldEncryptor;
  readonly store: DocumentStore<StoredNote>;
  /** How long a call may wait for the vault and the database. */
  readonly timeoutMs: number;
}

export class Notes {
  readonly #encryptor: FieldEncryptor;
  readonly #store: DocumentStore<StoredNote>;
  readonly #timeoutMs: number;

  constructor({ encryptor, store, timeoutMs }: NotesParts) {
    this.#encryptor = encryptor;
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  /** The id is new each time: an id whose key was shredded is never used again. */
  async create(workspaceId: string, content: NoteContent, createdBy: string): Promise<NoteItem> {
    const key = { workspaceId, id: randomUUID() };
    const now = new Date().toISOString();
    const created = { ...content, ...key, createdBy, createdAt: now, updatedAt: now };
    // In place of `store.create`: it recognises its own write where the database's answer was lost. What is there
    // under a new id can only be that write, when it landed late.
    const change = (stored: Note | undefined): Note => stored ?? created;
    return found(
      await this.#encryptor.updateDecrypted(note, this.#store, key, change, this.#options()),
    );
  }

  /** @returns Only the etag where `isKnown` accepts it. */
  async read(key: NoteKey, isKnown: Precondition): Promise<NoteItem | Pick<NoteItem, 'etag'>> {
    const options = this.#options();
    const item = visible(await this.#store.get(key, options));
    if (isKnown(item.etag)) return { etag: item.etag };
    const { document, etag } = item;
    const clear = await this.#encryptor.decryptDocument(note, document, {
      expect: key,
      ...options,
    });
    return { document: clear, etag };
  }

  /** @throws HttpProblem `precondition-failed` where the note is another version, or becomes one meanwhile. */
  async change(key: NoteKey, isExpected: Precondition, changes: NoteChanges): Promise<NoteItem> {
    const reading = new EtagReading(this.#store);
    const change = (stored: Note | undefined): Note => {
      // Called again after a lost race, with what the winner wrote.
      const current = visible(stored && { document: stored, etag: reading.etag }).document;
      if (!isExpected(reading.etag)) throw new HttpProblem('precondition-failed');
      const changed = { ...current, ...definedOf(changes) };
      // A save that changes nothing writes nothing, and the etag stays.
      return isDeepStrictEqual(current, changed) ? current : { ...changed, updatedAt: now };
    };
    const now = new Date().toISOString();
    return found(
      await this.#encryptor.updateDecrypted(note, reading.store, key, change, this.#options()),
    );
  }

  /**
   * In two steps. The first is a compare-and-set that marks the note: with it the deletion is decided, and no
   * other request sees the note any more. The second shreds its keys and removes it. Shredding first could
   * destroy a version that another process wrote after the etag was compared.
   *
   * A crash between the two leaves a marked note; the same request, sent again, finishes the deletion.
   */
  async delete(key: NoteKey, isExpected: Precondition): Promise<void> {
    const options = this.#options();
    const item = await this.#store.get(key, options);
    if (!item) throw new HttpProblem('note-not-found');
    if (item.document.deletedAt === undefined) {
      if (!isExpected(item.etag)) throw new HttpProblem('precondition-failed');
      const marked = { ...item.document, deletedAt: new Date().toISOString() };
      await this.#store.replace(marked, item.etag, options);
    }
    await this.#encryptor.deleteDocument(note, this.#store, key, options);
  }

  /** One page of a workspace, by id. */
  async list({ workspaceId, limit, continuation }: NotePageQuery): Promise<NotePage> {
    const options = this.#options();
    const page = await this.#pageOf(
      { prefix: { workspaceId }, pageSize: limit, continuation: decoded(continuation) },
      options,
    );
    const items = page.items.filter(({ document }) => document.deletedAt === undefined);
    const stored = items.map(({ document }) => document);
    const expect = { workspaceId };
    const outcomes = await this.#encryptor.decryptDocuments(note, stored, { expect, ...options });
    const entries = items.flatMap(({ document: { id }, etag }, index): ListedNote[] => {
      const outcome = outcomes[index];
      if (!outcome) return [];
      return [
        outcome.ok ? { id, etag, note: outcome.document } : { id, etag, error: outcome.error },
      ];
    });
    return { entries, continuation: encoded(page.continuation) };
  }

  /** Whether the database answers: for readiness. */
  async checkStore(signal: AbortSignal): Promise<void> {
    await this.#store.get({ workspaceId: 'readiness', id: 'readiness' }, { signal });
  }

  /** @throws HttpProblem where the continuation is not of a list of this workspace. */
  async #pageOf(
    query: NonNullable<Parameters<DocumentStore<StoredNote>['list']>[0]>,
    options: { readonly signal: AbortSignal },
  ) {
    try {
      return await this.#store.list({ ...query, ...options });
    } catch (error) {
      if (query.continuation === undefined || isOutage(error)) throw error;
      throw new HttpProblem('invalid-continuation', { detail: 'Begin again with the first page.' });
    }
  }

  #options(): { readonly signal: AbortSignal } {
    return { signal: AbortSignal.timeout(this.#timeoutMs) };
  }
}

/** A store that remembers the etag of what it read last: that of the document which a change receives. */
class EtagReading {
  etag = '';
  readonly store: DocumentStore<StoredNote>;

  constructor(store: DocumentStore<StoredNote>) {
    this.store = {
      create: (...call) => store.create(...call),
      get: async (...call) => {
        const item = await store.get(...call);
        this.etag = item?.etag ?? '';
        return item;
      },
      replace: (...call) => store.replace(...call),
      delete: (...call) => store.delete(...call),
      list: (...call) => store.list(...call),
      count: (...call) => store.count(...call),
      ...(store.reservedProperties && { reservedProperties: store.reservedProperties }),
    };
  }
}

function found<T>(item: T | undefined): T {
  if (item === undefined) throw new HttpProblem('note-not-found');
  return item;
}

/** @throws HttpProblem also for a note that is being deleted. */
function visible<T extends { readonly document: { readonly deletedAt?: string } }>(
  item: T | undefined,
): T {
  const own = found(item);
  if (own.document.deletedAt !== undefined) throw new HttpProblem('note-not-found');
  return own;
}

function definedOf(changes: NoteChanges): Partial<NoteContent> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

function isOutage(error: unknown): boolean {
  return isFieldEncryptionError(error) ? error.retryable : error instanceof DOMException;
}

/** Not secret, and only for this service to read: it may hold the id of a note of the same workspace. */
function encoded(continuation: string | undefined): string | undefined {
  return continuation === undefined ? undefined : Buffer.from(continuation).toString('base64url');
}

function decoded(continuation: string | undefined): string | undefined {
  return continuation === undefined ? undefined : Buffer.from(continuation, 'base64url').toString();
}
