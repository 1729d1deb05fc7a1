/** Shreds the DEKs of documents that have left a collection. @module */
import { ownEnvelopes } from '../cipher/own-envelopes.js';
import { documentPlace } from '../document/document-draft.js';
import { hasCode } from '../errors/errors.js';
import { type DekRow, isLive, tombstoneOf } from '../format/dek-row.js';
import type { KeyScope } from '../format/key-scope.js';
import { dekRowPages, rowIn } from '../run/change-row.js';
import { runPass, type RunTally } from '../run/passes.js';
import { requireRecord } from '../run/rotation-record.js';
import { type DocumentIdentity, lookUpDocument } from '../run/scanned-document.js';
import { waitForReads, waitForWriters } from '../run/wait-for-writers.js';
import type { StoredItem } from '../store/dek-store.js';
import { changeOldDeks, DekGenerations, type ReadGenerations } from './dek-generations.js';
import { keepLease, type SettledDocument, sumsOf } from './document-passes.js';
import type { MigrationContext } from './migration-options.js';
import type { MigrationStepEvent } from './migration-event.js';

/** A scope of the old collection with retired DEKs. */
interface LeftScope {
  readonly key: DocumentIdentity;
  readonly scope: KeyScope;
}

/** Every generation counts as old: the whole scope leaves use. */
const EVERY_DEK = { generationFloor: Infinity, startedAt: '' };

export function readEvery({ dekStore, signal }: MigrationContext): ReadGenerations {
  return (scope) => DekGenerations.read(dekStore, scope, { oldDeks: EVERY_DEK, signal });
}

export class LeftScopes {
  readonly #context: MigrationContext;
  /** DekIds that were tried once. */
  readonly #tried = new Set<string>();
  hasFailed = false;

  constructor(context: MigrationContext) {
    this.#context = context;
  }

  /**
   * Finds scopes with retired DEKs that were not tried yet; waits; and shreds them where no DEK of the scope
   * still seals and no document in the old place names one. Only a move retires every DEK of a document:
   * documents of the collection in a store that is not known here keep theirs.
   *
   * @returns False where there were none.
   */
  async *shred(tally: RunTally): AsyncGenerator<MigrationStepEvent, boolean, void> {
    const context = this.#context;
    // A list that lags would miss what was just retired.
    yield* keepLease(context, waitForReads(context));
    const scopes = await this.#find();
    if (scopes.length === 0) return false;
    yield* keepLease(context, waitForWriters(context, (await requireRecord(context)).record));
    yield* runPass(tally, {
      purpose: 'change',
      total: () => Promise.resolve(scopes.length),
      pages: () => onePage(scopes),
      settle: (scope) => this.#settle(scope),
      sumsOf,
      concurrency: context.budget,
      signal: context.signal,
    });
    return true;
  }

  async #find(): Promise<readonly LeftScope[]> {
    const { dekStore, product, signal, requireLease } = this.#context;
    const found = new Map<string, LeftScope>();
    for await (const items of dekRowPages(dekStore, { product }, signal)) {
      await requireLease();
      for (const item of items) {
        const row = this.#retiredIn(item);
        if (!row || this.#tried.has(row.id)) continue;
        this.#tried.add(row.id);
        found.set(row.scopeId, this.#scopeOf(row));
      }
    }
    return [...found.values()];
  }

  /** A row that cannot be read is not retired by a move, and is reported by other searches. */
  #retiredIn(item: StoredItem): DekRow | undefined {
    const { product, definition } = this.#context;
    const row = readable(item, product);
    if (row?.state !== 'retired' || row.scopeKind !== 'document') return undefined;
    const [collection, ...parts] = row.scope;
    const isOwn = collection === definition.collection && parts.length === definition.key.length;
    return isOwn ? row : undefined;
  }

  #scopeOf({ scope: [, ...parts] }: DekRow): LeftScope {
    const { product, definition } = this.#context;
    const key = Object.fromEntries(
      definition.key.map((name, index) => [name, parts[index] as string]),
    );
    return { key, scope: documentPlace(product, definition.collection, parts).scope };
  }

  async #settle({ key, scope }: LeftScope): Promise<SettledDocument> {
    const context = this.#context;
    try {
      await context.requireLease();
      const item = await lookUpDocument(context.store, key, context.signal);
      const isInUse = item !== undefined && ownEnvelopes(item.document, scope).length > 0;
      const shredded = isInUse ? [] : await this.#shredScope(scope);
      const isDone = shredded.length > 0;
      const outcome = { type: 'unchanged', key, ...(isDone && { shredded }) } as const;
      return { outcome, lostRace: false, hasWritten: isDone };
    } catch (error) {
      if (hasCode(error, 'MIGRATION_SUPERSEDED')) throw error;
      context.signal?.throwIfAborted();
      this.hasFailed = true;
      return { outcome: { type: 'failed', key, error }, lostRace: false };
    }
  }

  async #shredScope(scope: KeyScope): Promise<readonly string[]> {
    const { changed } = await changeOldDeks(this.#context, scope, {
      what: 'Shredding',
      read: readEvery(this.#context),
      // With a DEK that seals, a document in the old place may have been written since.
      left: ({ old, oldActive }) => (oldActive.length > 0 ? [] : old),
      changed: tombstoneOf,
      shreds: true,
      beforeSend: () => undefined,
    });
    return changed;
  }
}

function readable(item: StoredItem, product: string): DekRow | undefined {
  try {
    const row = rowIn(item, product);
    return isLive(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

async function* onePage(scopes: readonly LeftScope[]): AsyncGenerator<readonly LeftScope[]> {
  yield await Promise.resolve(scopes);
}
