/** Takes, renews and releases the lease of a collection: docs/format.md, "Lease". @module */
import { elapsedMs, momentOf, timestampOf, type Moment } from '../async/clock.js';
import { FieldEncryptionError, hasCode, contended } from '../errors/errors.js';
import { leaseId, leaseScopeId, type Lease, isReleased, parseLease } from '../format/lease.js';
import type { RunContext } from '../run/run-context.js';
import { MOST_ATTEMPTS, tryWrite } from '../store/compare-and-set.js';
import { readLeaseItem } from '../store/dek-store.js';
import type { LeaseEvent } from './migration-event.js';
import { MOST_LEASE_TTL_MS } from './migration-options.js';

interface LeaseCopy {
  readonly lease: Lease;
  readonly etag: string;
}

async function readLease(
  { product, collection, dekStore }: LeaseTerms,
  signal?: AbortSignal,
): Promise<LeaseCopy | undefined> {
  const item = await readLeaseItem(dekStore, product, collection, { signal });
  return item && { lease: parseLease(item.value, product, collection), etag: item.etag };
}

/**
 * Replaces the lease under the etag that was read, or creates one where there was none.
 *
 * @returns Its etag; `undefined` where another write came first.
 */
async function tryWriteLease(
  terms: LeaseTerms,
  lease: Lease,
  etag: string | undefined,
): Promise<string | undefined> {
  const { dekStore } = terms;
  const write = (): Promise<{ readonly etag: string }> =>
    etag === undefined ? dekStore.createItem(lease) : dekStore.replaceItem(lease, etag);
  // Every run has a different owner.
  const landed = async (): Promise<LeaseCopy | undefined> => {
    const copy = await readLease(terms);
    return copy && isSame(copy.lease, lease) ? copy : undefined;
  };
  return (await tryWrite(write, landed))?.etag;
}

function isSame(stored: Lease, { owner, heartbeatAt, expiresAt }: Lease): boolean {
  return (
    stored.owner === owner && stored.heartbeatAt === heartbeatAt && stored.expiresAt === expiresAt
  );
}

/** The kind of migration that holds a lease: docs/format.md, "Lease". */
export type LeaseKind = 'backfill' | 'forget-paths' | 'move' | 'reencrypt' | 'remove-encryption';

/** The owner and period of a lease. */
export interface LeaseTerms extends Pick<RunContext, 'clock' | 'dekStore' | 'product'> {
  readonly collection: string;
  readonly kind: LeaseKind;
  readonly owner: string;
  readonly leaseTtlMs: number;
}

/** Heartbeats in each period: a single late one does not lose the lease. */
const HEARTBEATS = 3;

/** A lease with the present time, as its owner writes it. */
function leaseNow(terms: LeaseTerms): Lease {
  const { product, collection, kind, owner, leaseTtlMs, clock } = terms;
  const heartbeatAt = timestampOf(clock);
  const expiresAt = new Date(Date.parse(heartbeatAt) + leaseTtlMs).toISOString();
  const head = { id: leaseId(collection), scopeId: leaseScopeId(product) };
  return { ...head, type: 'lease', schema: 1, product, kind, owner, heartbeatAt, expiresAt };
}

/** A lease that is held; created by `acquireLease`. */
export class MigrationLease {
  readonly #terms: LeaseTerms;
  #etag: string;
  #beatAt: Moment;
  #beating: Promise<void> | undefined;

  /** @param beatAt - When the write that took the lease was sent. */
  constructor(terms: LeaseTerms, etag: string, beatAt: Moment) {
    this.#terms = terms;
    this.#etag = etag;
    this.#beatAt = beatAt;
  }

  /**
   * Called before each write: renews the lease every third of the period.
   *
   * @throws FieldEncryptionError `MIGRATION_SUPERSEDED` where another run took the lease over.
   */
  async requireHeld(): Promise<void> {
    const { clock, leaseTtlMs } = this.#terms;
    if (elapsedMs(clock, this.#beatAt) < leaseTtlMs / HEARTBEATS) return;
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
    try {
      await this.#beating;
    } catch (error) {
      if (hasCode(error, 'MIGRATION_SUPERSEDED')) throw error;
      // Retried before the next write, while a good part of the period is left.
      if (elapsedMs(clock, this.#beatAt) >= (2 * leaseTtlMs) / HEARTBEATS) throw error;
    }
  }

  /** Lets the next run begin at once; where the release fails, it begins after a whole period. */
  async release(): Promise<void> {
    const lease = leaseNow(this.#terms);
    try {
      await tryWriteLease(this.#terms, { ...lease, expiresAt: lease.heartbeatAt }, this.#etag);
    } catch {
      // The result of the run is more important, and the lease expires soon.
    }
  }

  async #beat(): Promise<void> {
    const beatAt = momentOf(this.#terms.clock);
    const etag = (await this.#tryBeat(this.#etag)) ?? (await this.#tryBeat(await this.#ownEtag()));
    if (etag === undefined) throw superseded(this.#terms, await readLease(this.#terms));
    this.#etag = etag;
    this.#beatAt = beatAt;
  }

  #tryBeat(etag: string): Promise<string | undefined> {
    return tryWriteLease(this.#terms, leaseNow(this.#terms), etag);
  }

  /** The etag of an earlier heartbeat whose answer was lost. */
  async #ownEtag(): Promise<string> {
    const copy = await readLease(this.#terms);
    if (copy?.lease.owner !== this.#terms.owner) throw superseded(this.#terms, copy);
    return copy.etag;
  }
}

function superseded(
  { collection, kind }: LeaseTerms,
  copy: LeaseCopy | undefined,
): FieldEncryptionError {
  const by = copy
    ? `taken over by "${copy.lease.owner}" for ${copy.lease.kind}`
    : 'removed from the store';
  return new FieldEncryptionError(
    'MIGRATION_SUPERSEDED',
    `The lease of "${collection}" was ${by} while this ${kind} paused for too long: everything reported as done is stored, and nothing more was written; check the other run before you start again`,
  );
}

const TICK_MS = 500;

interface AcquiredLease {
  readonly lease: MigrationLease;
  /** The lease of an owner that is gone. */
  readonly takenFrom?: Lease;
}

/**
 * Watches a held lease for one whole period on this clock: refused as soon as its owner writes a heartbeat,
 * and taken over when there was none.
 *
 * @throws FieldEncryptionError `MIGRATION_UNDER_WAY` where the owner is alive.
 */
export async function* acquireLease(
  terms: LeaseTerms,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaseEvent, AcquiredLease, void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await readLease(terms, signal);
    if (copy && !isReleased(copy.lease) && !(yield* hasExpired(terms, copy, signal))) continue;
    signal?.throwIfAborted();
    const sentAt = momentOf(terms.clock);
    const etag = await tryWriteLease(terms, leaseNow(terms), copy?.etag);
    if (etag === undefined) continue;
    const isTakenOver = copy !== undefined && !isReleased(copy.lease);
    const lease = new MigrationLease(terms, etag, sentAt);
    return { lease, ...(isTakenOver && { takenFrom: copy.lease }) };
  }
  throw contended(`Taking the lease of "${terms.collection}"`, MOST_ATTEMPTS);
}

/** False when the lease changed in the meantime. */
async function* hasExpired(
  terms: LeaseTerms,
  { lease, etag }: LeaseCopy,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaseEvent, boolean, void> {
  const { clock, dekStore } = terms;
  const { owner: heldBy, kind, heartbeatAt } = lease;
  const startMs = clock.monotonicMs();
  const periodMs = periodOf(terms, lease) + (await dekStore.readLagMs({ signal }));
  for (;;) {
    const remainingMs = Math.ceil(startMs + periodMs - clock.monotonicMs());
    if (remainingMs <= 0) return true;
    yield { type: 'lease', heldBy, kind, heartbeatAt, remainingMs };
    await clock.sleep(Math.min(remainingMs, TICK_MS), signal);
    const now = await readLease(terms, signal);
    if (!now || isReleased(now.lease)) return false;
    if (now.etag !== etag) throw underWay(terms, now.lease);
  }
}

/** The owner's own period where that is longer: a stored value never makes the wait shorter. */
function periodOf({ leaseTtlMs }: LeaseTerms, { heartbeatAt, expiresAt }: Lease): number {
  const theirsMs = Date.parse(expiresAt) - Date.parse(heartbeatAt);
  return Math.max(leaseTtlMs, Math.min(theirsMs, MOST_LEASE_TTL_MS));
}

function underWay(
  { collection }: LeaseTerms,
  { owner, kind, heartbeatAt }: Lease,
): FieldEncryptionError {
  return new FieldEncryptionError(
    'MIGRATION_UNDER_WAY',
    `The lease of "${collection}" is held by "${owner}" for ${kind}, last seen at ${heartbeatAt}: wait until it has finished, or stop it, and run this again`,
  );
}
