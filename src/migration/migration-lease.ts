/** Holds the lease of a collection while a migration runs: docs/format.md, "Lease". @module */
import { elapsedMs, momentOf, timestampOf, type Clock, type Moment } from '../async/clock.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import { leaseId, leaseScopeId, type Lease } from '../format/lease.js';
import type { DekStore } from '../store/dek-store.js';
import { readLease, tryWriteLease, type LeaseCopy } from './lease-records.js';

/** What a lease says of the migration that holds it: docs/format.md, "Lease". */
export type LeaseKind = 'backfill' | 'reencrypt' | 'remove-encryption';

/** Whose lease it is to be. */
export interface LeaseTerms {
  readonly product: string;
  readonly collection: string;
  readonly kind: LeaseKind;
  readonly owner: string;
  readonly leaseTtlMs: number;
  readonly dekStore: Required<DekStore>;
  readonly clock: Clock;
}

/** Beats for each period: one that is late does not lose the lease yet. */
const HEARTBEATS = 3;

/** A lease as its owner wants it to be written now. */
export function leaseNow({
  product,
  collection,
  kind,
  owner,
  leaseTtlMs,
  clock,
}: LeaseTerms): Lease {
  const heartbeatAt = timestampOf(clock);
  const expiresAt = new Date(Date.parse(heartbeatAt) + leaseTtlMs).toISOString();
  const head = { id: leaseId(collection), scopeId: leaseScopeId(product) };
  return { ...head, type: 'lease', schema: 1, product, kind, owner, heartbeatAt, expiresAt };
}

/** A lease that is held; made by `acquireLease`. */
export class MigrationLease {
  readonly #terms: LeaseTerms;
  #etag: string;
  #heardAt: Moment;
  #beating: Promise<void> | undefined;

  /** @param heardAt - When the write that took the lease was sent. */
  constructor(terms: LeaseTerms, etag: string, heardAt: Moment) {
    this.#terms = terms;
    this.#etag = etag;
    this.#heardAt = heardAt;
  }

  /**
   * To be called before each write: lets others know, every third of the period, that the owner lives.
   *
   * @throws FieldEncryptionError `MIGRATION_SUPERSEDED` where another run took the lease over.
   */
  async requireHeld(): Promise<void> {
    const { clock, leaseTtlMs } = this.#terms;
    if (elapsedMs(clock, this.#heardAt) < leaseTtlMs / HEARTBEATS) return;
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
    try {
      await this.#beating;
    } catch (error) {
      if (hasCode(error, 'MIGRATION_SUPERSEDED')) throw error;
      // Tried again before the next write, as long as a good part of the period is left.
      if (elapsedMs(clock, this.#heardAt) >= (2 * leaseTtlMs) / HEARTBEATS) throw error;
    }
  }

  /** Lets the next run begin at once; where that fails, it begins after a whole period. */
  async giveBack(): Promise<void> {
    const lease = leaseNow(this.#terms);
    try {
      await tryWriteLease(this.#terms, { ...lease, expiresAt: lease.heartbeatAt }, this.#etag);
    } catch {
      // Whatever the run has to say is more important, and nobody is locked out for long.
    }
  }

  async #beat(): Promise<void> {
    const heardAt = momentOf(this.#terms.clock);
    const etag = (await this.#tryBeat(this.#etag)) ?? (await this.#tryBeat(await this.#ownEtag()));
    if (etag === undefined) throw superseded(this.#terms, await readLease(this.#terms));
    this.#etag = etag;
    this.#heardAt = heardAt;
  }

  #tryBeat(etag: string): Promise<string | undefined> {
    return tryWriteLease(this.#terms, leaseNow(this.#terms), etag);
  }

  /** The etag of an earlier beat whose answer was lost. */
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
    `The lease of "${collection}" was ${by} while this ${kind} paused for longer than it may: what was reported as done is done, and nothing more was written; look at what the other run does before you start again`,
  );
}
