/** The rows of a scope for writers: a listing of limited age. @module */
import { elapsedBetween, elapsedMs, momentOf, type Moment } from '../async/clock.js';
import { SingleFlight } from '../async/abort.js';
import {
  isLive,
  parseDekRow,
  type ActiveDekRow,
  type DekRow,
  type LiveDekRow,
} from '../format/dek-row.js';
import { alteredItem } from '../format/item-shape.js';
import { MOST_FENCE_TTL_MS } from '../format/rotation-record.js';
import type { DekContext } from './dek-services.js';
import { type EpochsSeen, MOST_DEKS_IN_DOCUMENT, type GenerationBound } from './dek-bounds.js';
import { ExpiringMap } from '../async/expiring-map.js';
import type { LateRows } from './late-rows.js';
import { type ShredToken, shredTokensOf, type ShredTokens } from './dek.js';

export interface ScopeListing {
  /** The highest active generation: the one that seals. */
  readonly active: ActiveDekRow | undefined;
  /** The highest generations first, and only as many as show that there are too many. */
  readonly live: readonly LiveDekRow[];
  /** The highest credible generation in any state, tombstones included; 0 for none. */
  readonly highestGeneration: number;
  /** When the read was sent. */
  readonly readAt: Moment;
  /** Taken before the read was sent. */
  readonly token: ShredToken;
}

export interface SealableListing extends ScopeListing {
  readonly active: ActiveDekRow;
}

export function isSealable(listing: ScopeListing): listing is SealableListing {
  return listing.active !== undefined;
}

/** Enough to detect that a scope has too many; further planted rows must not fill memory. */
const MOST_LIVE = MOST_DEKS_IN_DOCUMENT + 1;

export class ScopeRows {
  readonly #context: DekContext;
  readonly #checks: Omit<RowChecks, 'late'>;
  readonly #listings: ExpiringMap<ScopeListing>;
  readonly #tokens: ShredTokens;
  readonly #reads = new SingleFlight<ScopeListing, ShredToken>();

  constructor(context: DekContext, checks: Omit<RowChecks, 'late'>) {
    this.#context = context;
    this.#checks = checks;
    this.#tokens = shredTokensOf(context.dekStore);
    const { dekCache, clock } = context;
    this.#listings = new ExpiringMap({
      maxEntries: dekCache.maxEntries,
      ttlMs: MOST_FENCE_TTL_MS,
      clock,
    });
  }

  /** The local listing, if it is younger than `fenceTtlMs` and from after the last shred. */
  fresh(
    scopeId: string,
    fenceTtlMs: number,
    now: Moment = momentOf(this.#context.clock),
  ): ScopeListing | undefined {
    const listing = this.#listings.get(scopeId, now);
    if (listing?.token.isShredded) return undefined;
    return listing && elapsedBetween(listing.readAt, now) < fenceTtlMs ? listing : undefined;
  }

  isFresh({ readAt }: ScopeListing, fenceTtlMs: number): boolean {
    return elapsedMs(this.#context.clock, readAt) < fenceTtlMs;
  }

  /**
   * Returns the scope as it is in the store now. Concurrent callers share one read; callers after a shred do
   * not join a read from before it.
   */
  async read(token: ShredToken): Promise<ScopeListing> {
    token.throwIfShredded();
    return this.#reads.run(token, () => this.#list(token), this.#keep);
  }

  /** The state after a write of this process: a read in flight is stale. */
  put(listing: ScopeListing): void {
    this.#reads.supersede(listing.token);
    this.#keep(listing);
  }

  forget(scopeId: string): void {
    this.#reads.supersede(this.#tokens.of(scopeId));
    this.#listings.delete(scopeId);
  }

  readonly #keep = (listing: ScopeListing): void => {
    this.#listings.set(listing.token.scopeId, listing, listing.readAt);
  };

  async #list(token: ShredToken): Promise<ScopeListing> {
    const { scopeId } = token;
    const readAt = momentOf(this.#context.clock);
    const items = await this.#context.dekStore.listScope(scopeId);
    const read = items.map((item) => {
      const row = rowOfScope(item.value, scopeId);
      return { row, item, generation: row.generation };
    });
    const { bound, epochs } = this.#checks;
    // A census and `findUnreadableRows` report forged generations; here they must not block a writer.
    const credible = await bound.credible(read);
    for (const { row, item } of credible) epochs.addRow(row, item);
    const rows = credible.map(({ row }) => row).sort((a, b) => b.generation - a.generation);
    return {
      active: rows.find((row) => row.state === 'active'),
      live: rows.filter(isLive).slice(0, MOST_LIVE),
      highestGeneration: rows[0]?.generation ?? 0,
      readAt,
      token,
    };
  }
}

/** @throws TamperedError where the store returns another scope's row. */
export function rowOfScope(value: unknown, scopeId: string): DekRow {
  const row = parseDekRow(value);
  if (row.scopeId !== scopeId) throw alteredItem(`DEK row ${row.id}`, 'scopeId');
  return row;
}

export interface RowChecks {
  readonly bound: GenerationBound;
  readonly epochs: EpochsSeen;
  readonly late: LateRows;
}
