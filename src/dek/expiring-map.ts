/** A bounded map whose entries expire; the one file that touches `lru-cache`. @module */
import { LRUCache } from 'lru-cache';
import { elapsedBetween, elapsedMs, momentOf, type Clock, type Moment } from '../clock.js';

interface Expiring<V> {
  readonly value: V;
  readonly since: Moment;
}

export interface ExpiringMapOptions {
  readonly maxEntries: number;
  readonly ttlMs: number;
  readonly clock: Clock;
}

/** Drops the entry used longest ago when full, and each entry when it has lived for `ttlMs`. */
export class ExpiringMap<V> {
  readonly #lru: LRUCache<string, Expiring<V>>;
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor({ maxEntries, ttlMs, clock }: ExpiringMapOptions) {
    this.#ttlMs = ttlMs;
    this.#clock = clock;
    this.#lru = new LRUCache({
      max: maxEntries,
      ttl: ttlMs,
      // An entry that nobody asks for again must leave memory too: it may hold a key.
      ttlAutopurge: true,
      perf: { now: () => clock.monotonicMs() },
    });
  }

  get size(): number {
    return this.#lru.size;
  }

  get(key: string, now: Moment = momentOf(this.#clock)): V | undefined {
    const entry = this.#lru.get(key);
    if (entry === undefined) return undefined;
    // The cache's own clock stands still while a machine sleeps; the age must not.
    if (elapsedBetween(entry.since, now) < this.#ttlMs) return entry.value;
    this.#lru.delete(key);
    return undefined;
  }

  /** @param since - When the entry's life began; it keeps the age that it has. */
  set(key: string, value: V, since: Moment = momentOf(this.#clock)): void {
    const left = this.#ttlMs - elapsedMs(this.#clock, since);
    if (left <= 0) this.#lru.delete(key);
    else this.#lru.set(key, { value, since }, { ttl: left });
  }

  delete(key: string): void {
    this.#lru.delete(key);
  }

  clear(): void {
    this.#lru.clear();
  }
}
