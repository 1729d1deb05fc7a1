/** Bounded maps, one whose entries expire; the only file that uses `lru-cache`. @module */
import { LRUCache } from 'lru-cache';
import { elapsedBetween, elapsedMs, momentOf, type Clock, type Moment } from './clock.js';

interface Expiring<V> {
  readonly value: V;
  readonly since: Moment;
}

export interface ExpiringMapOptions {
  readonly maxEntries: number;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Called when an entry was permanently removed. */
  readonly onRemoved?: (key: string, reason: RemovalReason) => void;
}

export type RemovalReason = 'deleted' | 'expired' | 'full';

/** Evicts the least recently used entry when full, and each entry after `ttlMs`. */
export class ExpiringMap<V> {
  readonly #lru: LRUCache<string, Expiring<V>>;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #onRemoved: ExpiringMapOptions['onRemoved'];

  constructor({ maxEntries, ttlMs, clock, onRemoved }: ExpiringMapOptions) {
    this.#ttlMs = ttlMs;
    this.#clock = clock;
    this.#onRemoved = onRemoved;
    const startMs = clock.monotonicMs();
    this.#lru = new LRUCache({
      max: maxEntries,
      ttl: ttlMs,
      // An entry that is never requested again must leave memory too: it may hold a key.
      ttlAutopurge: true,
      // Never 0: `lru-cache` treats 0 as an entry without expiry, and restarts a timer of 1 ms repeatedly.
      perf: { now: () => clock.monotonicMs() - startMs + 1 },
      ...(onRemoved && {
        disposeAfter(_entry, key, reason) {
          // Other removals are reported where they happen: the map deletes for internal reasons too.
          if (reason === 'expire') onRemoved(key, 'expired');
          if (reason === 'evict') onRemoved(key, 'full');
        },
      }),
    });
  }

  get size(): number {
    return this.#lru.size;
  }

  get(key: string, now: Moment = momentOf(this.#clock)): V | undefined {
    const entry = this.#lru.get(key);
    if (entry === undefined) return undefined;
    // The cache's own clock pauses while a machine sleeps; the age must not.
    if (elapsedBetween(entry.since, now) < this.#ttlMs) return entry.value;
    this.#remove(key, 'expired');
    return undefined;
  }

  /** @param since - When the entry's life began; it keeps its age. */
  set(key: string, value: V, since: Moment = momentOf(this.#clock)): void {
    const left = this.#ttlMs - elapsedMs(this.#clock, since);
    if (left <= 0) this.#remove(key, 'expired');
    else this.#lru.set(key, { value, since }, { ttl: left });
  }

  delete(key: string): void {
    this.#remove(key, 'deleted');
  }

  clear(): void {
    const keys = this.#onRemoved ? [...this.#lru.keys()] : [];
    this.#lru.clear();
    for (const key of keys) this.#onRemoved?.(key, 'deleted');
  }

  #remove(key: string, reason: RemovalReason): void {
    if (this.#lru.delete(key)) this.#onRemoved?.(key, reason);
  }
}

export class RecentMap<V> {
  readonly #round: number;
  #current = new Map<string, V>();
  #earlier = new Map<string, V>();

  /** Holds at least the last `round` entries used, and at most twice as many. */
  constructor(round: number) {
    this.#round = round;
  }

  getOrMake(key: string, make: () => V): V {
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const value = this.#earlier.get(key) ?? make();
    if (this.#current.size >= this.#round) {
      this.#earlier = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
    return value;
  }
}
