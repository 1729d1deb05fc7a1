/** Unwrapped DEKs in memory, so that a hot document costs no call to the MEK. @module */
import { hash } from 'node:crypto';
import { momentOf, systemClock, type Clock, type Moment } from '../async/clock.js';
import { cacheChannel, type CacheMessage } from '../diagnostics/diagnostics-channels.js';
import { TamperedError } from '../errors/errors.js';
import { readOptions, requireIntegerBetween } from '../guards/guards.js';
import type { KeyWrap, LiveDekRow } from '../format/dek-row.js';
import type { Dek } from './dek.js';
import { ExpiringMap, type RemovalReason } from '../async/expiring-map.js';
import { SingleFlight } from '../async/abort.js';

export interface DekCacheOptions {
  /** Most DEKs held; the least recently used one is evicted first. @default 10 000 */
  readonly maxEntries?: number;
  /**
   * How long a DEK may be used after its unwrap; a revocation takes effect within this time. @default 300 000
   */
  readonly ttlMs?: number;
  readonly clock?: Clock;
}

/** A DEK and the row that it was unwrapped from. */
export interface UnwrappedDek {
  readonly dek: Dek;
  readonly row: LiveDekRow;
}

interface Entry {
  readonly dek: Dek;
  readonly wrapDigest: string;
}

const OPTIONS: readonly (keyof DekCacheOptions)[] = ['maxEntries', 'ttlMs', 'clock'];
export const MOST_ENTRIES = 10_000_000;
export const MOST_TTL_MS = 86_400_000;

/**
 * A bounded cache of DEKs with a time limit and per-entry invalidation.
 *
 * A cache belongs to the first DEK store and product that it is used with. Several encryptors of a process
 * may share it if they share both: pass them the same store object. Concurrent misses of one DEK share one
 * load, failures are never kept, and a load that finishes late never replaces a newer entry. Keys are held as
 * `KeyObject`s and are not shown when the cache is printed.
 *
 * @throws TypeError or RangeError for limits that are not whole numbers in range.
 *
 * @example
 * ```ts
 * import { DekCache } from '@bytelyst/field-encrypt';
 *
 * const dekCache = new DekCache({ maxEntries: 50_000, ttlMs: 60_000 });
 * console.log(dekCache.size);
 * ```
 */
export class DekCache {
  /** How long a DEK may be used after it was unwrapped, in milliseconds. */
  readonly ttlMs: number;
  /** Most DEKs held. */
  readonly maxEntries: number;
  readonly #clock: Clock;
  readonly #entries: ExpiringMap<Entry>;
  readonly #loads = new SingleFlight<UnwrappedDek>();
  #invalidations = 0;
  /** The store and product whose DEKs it holds. */
  #owner: { readonly store: object; readonly product: string } | undefined;

  constructor(options: DekCacheOptions = {}) {
    const own = readOptions(options, OPTIONS);
    const { maxEntries = 10_000, ttlMs = 300_000, clock = systemClock } = own;
    requireIntegerBetween('maxEntries', maxEntries, 1, MOST_ENTRIES);
    requireIntegerBetween('ttlMs', ttlMs, 1, MOST_TTL_MS);
    this.maxEntries = maxEntries;
    this.ttlMs = ttlMs;
    this.#clock = clock;
    this.#entries = new ExpiringMap({ maxEntries, ttlMs, clock, onRemoved: publishRemoval });
  }

  /**
   * @internal Called by everything that receives a cache, before it uses the cache.
   *
   * @param store - The caller's own store, without the wrappers of the library.
   * @throws RangeError where it holds the DEKs of another store or product, whose dekIds may be equal.
   */
  belongTo(store: object, product: string): void {
    const own = (this.#owner ??= { store, product });
    if (own.store !== store) throw anotherStore(own.product);
    if (own.product !== product) throw anotherProduct(own.product, product);
  }

  /** DEKs held now. */
  get size(): number {
    return this.#entries.size;
  }

  /** @internal Rises whenever an entry is invalidated: rows that were read before may then be stale. */
  get invalidations(): number {
    return this.#invalidations;
  }

  /** @internal The DEK, if it was unwrapped less than `ttlMs` ago; the call counts as a hit. */
  get(dekId: string, now?: Moment): Dek | undefined {
    const dek = this.peek(dekId, now);
    // No message is made for a hit that is not published: this is the hot path.
    if (dek && cacheChannel.hasSubscribers) publish({ type: 'hit', dekId });
    return dek;
  }

  /** @internal The same, without counting or publishing a hit. */
  peek(dekId: string, now?: Moment): Dek | undefined {
    return this.#entries.get(dekId, now)?.dek;
  }

  /** @internal The DEK; if it is absent, one of its concurrent callers loads it. */
  async getOrLoad(dekId: string, load: () => Promise<UnwrappedDek>): Promise<Dek> {
    const held = this.get(dekId);
    if (held) return held;
    const askedAt = momentOf(this.#clock);
    const dek = await this.#load(dekId, load);
    return this.#isYoungAt(askedAt, dek) ? dek : this.#load(dekId, load);
  }

  /** @internal Keeps a DEK that was just created. */
  put(unwrapped: UnwrappedDek): void {
    const { dek } = unwrapped;
    dek.token.watch(this, dek.id);
    this.#loads.supersede(dek.id);
    this.#set(unwrapped);
  }

  /**
   * Passes a row's new wrap to the cache. The DEK stays, with its age: a rewrap changes no key.
   *
   * @throws TamperedError where the row's commitment does not match the held DEK; the entry is evicted.
   */
  rewrapped(row: LiveDekRow): void {
    this.#loads.supersede(row.id);
    const entry = this.#entries.get(row.id);
    if (!entry) return;
    this.requireCommitted(entry.dek, row);
    if (entry.wrapDigest !== wrapDigest(row)) this.#set({ dek: entry.dek, row });
  }

  /** @internal Throws like {@link DekCache.rewrapped}, for a DEK that is about to be used for the row. */
  requireCommitted(dek: Dek, { id, commitment }: LiveDekRow): void {
    if (dek.commitment === commitment) return;
    this.#entries.delete(id);
    throw anotherKey(id);
  }

  /** @internal Throws like {@link DekCache.rewrapped}, but keeps the entry: it is the evidence. */
  requireSameKey({ id, commitment }: LiveDekRow): void {
    const held = this.peek(id);
    if (held && held.commitment !== commitment) throw anotherKey(id);
  }

  /** Evicts a DEK, for example after it was revoked or shredded; the next caller loads it again. */
  invalidate(dekId: string): void {
    this.#invalidations += 1;
    this.#loads.supersede(dekId);
    this.#entries.delete(dekId);
  }

  /** Evicts every DEK. */
  clear(): void {
    this.#invalidations += 1;
    this.#loads.supersedeAll();
    this.#entries.clear();
  }

  async #load(dekId: string, load: () => Promise<UnwrappedDek>): Promise<Dek> {
    publish({ type: this.#loads.isUnderWay(dekId) ? 'joined' : 'miss', dekId });
    return (await this.#loads.run(dekId, load, this.#set)).dek;
  }

  /** A joined load may have taken longer than its DEK may be used. */
  #isYoungAt(askedAt: Moment, { unwrappedAt }: Dek): boolean {
    const ageMs = Math.max(
      askedAt.wallMs - unwrappedAt.wallMs,
      askedAt.monotonicMs - unwrappedAt.monotonicMs,
    );
    return ageMs < this.ttlMs;
  }

  readonly #set = ({ dek, row }: UnwrappedDek): void => {
    if (dek.token.isShredded) return;
    this.#entries.set(dek.id, { dek, wrapDigest: wrapDigest(row) }, dek.unwrappedAt);
  };
}

/** Identifies a wrap in a short form that is not itself a wrap. */
export function wrapDigest({ keyProvider, mekName, mekVersion, wrappedDek }: KeyWrap): string {
  const wrap = JSON.stringify([keyProvider, mekName, mekVersion, wrappedDek]);
  return hash('sha256', wrap, 'hex');
}

function publishRemoval(dekId: string, reason: RemovalReason): void {
  publish({ type: 'evicted', dekId, reason: reason === 'deleted' ? 'invalidated' : reason });
}

function anotherStore(product: string): RangeError {
  return new RangeError(
    `"dekCache" holds DEKs of product "${product}" from another DEK store: use a separate DekCache for each DEK store, or pass the same store object to every encryptor that shares the cache`,
  );
}

function anotherProduct(own: string, product: string): RangeError {
  return new RangeError(
    `"dekCache" holds DEKs of product "${own}" and cannot serve product "${product}": use a separate DekCache for each product`,
  );
}

function anotherKey(dekId: string): TamperedError {
  return new TamperedError(
    `The commitment of DEK row ${dekId} has changed, and a DEK never changes: restore the row from a backup`,
    { dekId },
  );
}

function publish(message: CacheMessage): void {
  cacheChannel.publish(message);
}
