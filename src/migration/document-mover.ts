/** Moves documents, one after the other, to another place. @module */
import { isDeepStrictEqual } from 'node:util';
import { reopenToMove } from '../cipher/write-plan.js';
import { copyOfOpened } from '../cipher/decrypted-change.js';
import { clearFormerPath, leftInClear } from '../cipher/former-fields.js';
import { ownEnvelopes } from '../cipher/own-envelopes.js';
import { draftOf, type DraftShape, placeOf } from '../document/document-draft.js';
import { FormerPaths } from '../document/field-tree.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended, FieldEncryptionError, hasCode, StoreError } from '../errors/errors.js';
import { retiredRow } from '../format/dek-row.js';
import { isPlainObject, requirePlainObject } from '../guards/guards.js';
import {
  type AnyDocument,
  type AnyDocumentItem,
  type DocumentIdentity,
  identityOf,
  lookUpDocument,
  type MeteredDocumentStore,
} from '../run/scanned-document.js';
import { sealedPaths } from '../run/definition-record.js';
import { requireNoStray, storedFieldsOf, type StoredFields } from '../run/stored-fields.js';
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { changeOldDeks } from './dek-generations.js';
import type { SettleDocument } from './document-passes.js';
import { readEvery } from './left-scopes.js';
import type { DocumentOutcome } from './migration-event.js';
import type { MigrationContext } from './migration-options.js';
import { requireNotInClear, requireStorable } from './upgrade-document.js';

/** Receives a decrypted document, and returns the one to store in the new place. */
export type MoveDocument = (
  document: Record<string, unknown>,
) => Promise<Record<string, unknown>> | Record<string, unknown>;

interface MoverParts {
  readonly definition: AnyDefinition;
  readonly store: MeteredDocumentStore;
  readonly move: MoveDocument | undefined;
}

/** A document on its way, as it was read. */
interface Moving {
  readonly old: AnyDocumentItem;
  readonly fields: StoredFields;
  /** In plaintext, as it will be in the new place. */
  readonly next: AnyDocument;
  /** The key properties in the new place. */
  readonly key: DocumentIdentity;
  /** The number of values that will be sealed. */
  readonly sealed: number;
}

/** What is stored in the new place. */
interface Placed {
  readonly key: DocumentIdentity;
  readonly document: AnyDocument;
  /** Whether it replaced something equal to the old document: most often that document itself. */
  readonly isOverOld: boolean;
}

interface MoveState {
  readonly key: DocumentIdentity;
  readonly retired: string[];
  old: AnyDocumentItem;
  placed: Placed | undefined;
}

export class DocumentMover {
  readonly #from: MigrationContext;
  readonly #to: MigrationContext;
  readonly #move: MoveDocument | undefined;
  /** The new definition, with the old paths as former ones. */
  readonly #shape: DraftShape;

  constructor(from: MigrationContext, { definition, store, move }: MoverParts) {
    this.#from = from;
    this.#to = { ...from, definition, store };
    this.#move = move;
    const formerPaths = [...sealedPaths(from.definition), ...from.definition.former];
    this.#shape = {
      tree: definition.tree,
      formerPaths: new FormerPaths(formerPaths, definition.fields),
    };
  }

  /**
   * Retires the old DEKs, stores the document in the new place, and deletes the old one as it was read. A
   * crash after any of these steps leaves a document that opens, and DEKs that the last scan finds.
   */
  readonly settle: SettleDocument = async (item, key) => {
    const state: MoveState = { key, retired: [], old: item, placed: undefined };
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const outcome = await this.#tryStep(state);
      if (outcome) return { outcome, lostRace: attempt > 0 || outcome.type === 'skipped' };
    }
    throw contended('Moving the document', MOST_ATTEMPTS);
  };

  /** Opens the document and looks at the new place, and writes nothing. */
  readonly dryRun: SettleDocument = async ({ document, etag }, key) => {
    if (await this.#isMoved(document)) {
      return { outcome: { type: 'unchanged', key }, lostRace: false };
    }
    const { next, key: newKey, sealed } = await this.#plan({ document, etag });
    const there = await lookUpDocument(this.#to.store, newKey, this.#to.signal);
    if (there && !isSame(there.document, document)) await this.#requireCopy(there.document, next);
    return { outcome: { type: 'would-change', key, fields: sealed }, lostRace: false };
  };

  /** `undefined` where the old document has changed since it was read, and is to be read again. */
  async #tryStep(state: MoveState): Promise<DocumentOutcome | undefined> {
    try {
      return await this.#step(state);
    } catch (error) {
      if (hasCode(error, 'MIGRATION_SUPERSEDED')) throw error;
      this.#from.signal?.throwIfAborted();
      const later = await this.#lookAgain(state.old);
      if (later?.etag === state.old.etag || (!later && state.placed)) throw error;
      if (!later) return { type: 'skipped', key: state.key, reason: 'removed' };
      state.old = later;
      return undefined;
    }
  }

  async #step(state: MoveState): Promise<DocumentOutcome | undefined> {
    const { old, key } = state;
    if (await this.#isMoved(old.document)) {
      return state.placed ? changed(state, 0) : { type: 'unchanged', key };
    }
    const moving = await this.#plan(old);
    if (state.placed && !isDeepStrictEqual(state.placed.key, moving.key)) throw keyChanged();
    state.retired.push(...(await this.#retire(moving.fields)));
    const placed = await this.#place(moving, state.placed);
    state.placed = placed;
    const left = placed.isOverOld ? await this.#leftOf(old, placed) : old;
    if (!left && isSame(placed.document, old.document)) return { type: 'unchanged', key };
    const later = left === old ? await this.#remove(moving) : left;
    if (!later) return changed(state, moving.sealed);
    state.old = later;
    return undefined;
  }

  /** Whether this is a document in the new place: both stores may be one. */
  async #isMoved(document: AnyDocument): Promise<boolean> {
    if (!this.#isSealedUnderNew(document)) return false;
    const there = await lookUpDocument(this.#to.store, this.#keyIn(document), this.#to.signal);
    return there !== undefined && this.#isSealedUnderNew(there.document);
  }

  #isSealedUnderNew(document: AnyDocument): boolean {
    const { definition, product } = this.#from;
    try {
      if (storedFieldsOf(this.#to, document).sealed.length === 0) return false;
    } catch {
      return false;
    }
    const hasOldKey = definition.key.every((name) => Object.hasOwn(document, name));
    if (!hasOldKey) return true;
    return ownEnvelopes(document, placeOf(definition, product, document).scope).length === 0;
  }

  /** The key properties of both definitions: a table may have the key of either. */
  #keyIn(document: AnyDocument): DocumentIdentity {
    return {
      ...identityOf(this.#from.definition, document),
      ...identityOf(this.#to.definition, document),
    };
  }

  /** @throws What storing the document in the new place would fail with. */
  async #plan(old: AnyDocumentItem): Promise<Moving> {
    const { definition, reader, services } = this.#from;
    const fields = storedFieldsOf(this.#from, old.document);
    requireNoStray(fields);
    const opened = await reader.read(definition, old.document);
    for (const each of fields.sealed) {
      reopenToMove(await services.loader.load(each.envelope.dekId), fields.place, each);
    }
    const next = await this.#nextOf(opened);
    const clearAt = clearFormerPath(draftOf(next, this.#shape));
    if (clearAt !== undefined) throw leftInClear(clearAt);
    requireNotInClear({ stored: old.document, opened, upgraded: next }, this.#to.definition);
    await requireStorable(this.#to, next);
    const { slots } = draftOf(next, this.#to.definition);
    const sealed = slots.filter(
      ({ value, field }) => value !== undefined && field.stage !== 'opening',
    ).length;
    return { old, fields, next, key: this.#keyIn(next), sealed };
  }

  async #nextOf(opened: AnyDocument): Promise<AnyDocument> {
    // What the old database added is not part of the document.
    const plain = without(opened, this.#from.store);
    if (!this.#move) return plain;
    const moved: unknown = await this.#move(copyOfOpened(plain));
    requirePlainObject('the result of "move"', moved);
    return { ...moved };
  }

  /** @returns The dekIds that were retired. */
  async #retire({ place, dekIds }: StoredFields): Promise<readonly string[]> {
    const { changed: retired, generations } = await changeOldDeks(this.#from, place.scope, {
      what: 'Retiring',
      read: readEvery(this.#from),
      left: ({ oldActive }) => oldActive,
      changed: retiredRow,
      beforeSend: () => undefined,
    });
    for (const dekId of dekIds) generations.requireNotShredded(dekId);
    return retired;
  }

  /** @param seen - What an earlier attempt found or stored there: only that may be replaced. */
  async #place({ old, next, key }: Moving, seen: Placed | undefined): Promise<Placed> {
    const { definition, store, updater, signal } = this.#to;
    let isOverOld = false;
    const change = async (stored: AnyDocument | undefined): Promise<AnyDocument | undefined> => {
      isOverOld = stored !== undefined && isSame(stored, old.document);
      if (isOverOld) return next;
      if (!stored && seen) throw removedMeanwhile();
      if (!stored) return next;
      if (seen && isSame(stored, seen.document)) {
        return (await this.#isCopy(stored, next)) ? undefined : next;
      }
      await this.#requireCopy(stored, next);
      return undefined;
    };
    const item = await updater.update({ definition, store, key, change, signal });
    if (!item) throw removedMeanwhile();
    return { key, document: item.document, isOverOld };
  }

  async #isCopy(stored: AnyDocument, next: AnyDocument): Promise<boolean> {
    const { reader, definition, store } = this.#to;
    const opened = await reader.read(definition, stored);
    return isSame(without(opened, store), without(next, store));
  }

  /** @throws StoreError `ALREADY_EXISTS`. */
  async #requireCopy(stored: AnyDocument, next: AnyDocument): Promise<void> {
    if (await this.#isCopy(stored, next)) return;
    throw new StoreError(
      'ALREADY_EXISTS',
      'The new place already has a document with other content, and neither was changed: compare both, delete one with deleteDocument, and run this again',
    );
  }

  /**
   * After a replace of what equals the old document: `old` where that was another one, such as a copy of the
   * table; `undefined` where it was the old document itself; its newer version where it has been edited since.
   */
  async #leftOf(old: AnyDocumentItem, placed: Placed): Promise<AnyDocumentItem | undefined> {
    const now = await this.#lookAgain(old);
    if (now?.etag === old.etag) return old;
    return now && !isSame(now.document, placed.document) ? now : undefined;
  }

  #lookAgain({ document }: AnyDocumentItem): Promise<AnyDocumentItem | undefined> {
    const { store, signal } = this.#from;
    return lookUpDocument(store, this.#keyIn(document), signal);
  }

  /** Returns the newer version where the old document has been edited. */
  async #remove({ old, fields }: Moving): Promise<AnyDocumentItem | undefined> {
    const { store, signal } = this.#from;
    try {
      await store.delete(this.#keyIn(old.document), old.etag, { signal });
      return undefined;
    } catch (error) {
      const now = await this.#lookAgain(old);
      if (now?.etag === old.etag) throw error;
      // Perhaps it is gone because the answer of this deletion was lost.
      if (!now) await this.#requireNotDeleted(fields);
      return now;
    }
  }

  /** @throws FieldEncryptionError `DEK_SHREDDED` where another process has deleted the old document. */
  async #requireNotDeleted({ place, dekIds }: StoredFields): Promise<void> {
    const generations = await readEvery(this.#from)(place.scope);
    const dekId = dekIds.find((each) => generations.isShredded(each));
    if (dekId === undefined) return;
    throw new FieldEncryptionError(
      'DEK_SHREDDED',
      `DEK ${dekId} was shredded while the document was moved, and the old document is deleted: delete the new one too, with deleteDocument`,
      { dekId },
    );
  }
}

function changed({ key, retired }: MoveState, fields: number): DocumentOutcome {
  return { type: 'changed', key, fields, ...(retired.length > 0 && { retired }) };
}

function without(
  document: AnyDocument,
  { reservedProperties = [] }: MeteredDocumentStore,
): AnyDocument {
  const entries = Object.entries(document).filter(([name]) => !reservedProperties.includes(name));
  return Object.fromEntries(entries);
}

/** Whether a store would hold the same. */
function isSame(one: AnyDocument, other: AnyDocument): boolean {
  return isDeepStrictEqual(asStored(one), asStored(other));
}

function asStored(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (Array.isArray(value)) return value.map(asStored);
  // JSON has no negative zero.
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (!isPlainObject(value)) return value;
  const present = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(present.map(([name, each]) => [name, asStored(each)]));
}

function keyChanged(): FieldEncryptionError {
  return new FieldEncryptionError(
    'DOCUMENT_MOVED',
    'The old document was edited while it was moved, and would get another key now: delete what is in the first new place with deleteDocument, and run this again',
  );
}

function removedMeanwhile(): FieldEncryptionError {
  return new FieldEncryptionError(
    'DOCUMENT_MOVED',
    'The document was removed from the new place while it was moved, and the old one was left: delete it with deleteDocument, or run this again to move it',
  );
}
