/** Takes the lease of a collection, once nobody alive holds it. @module */
import { momentOf } from '../async/clock.js';
import { contended, FieldEncryptionError } from '../errors/errors.js';
import { isGivenBack, type Lease } from '../format/lease.js';
import { readLease, tryWriteLease, type LeaseCopy } from './lease-records.js';
import type { LeaseEvent } from './migration-event.js';
import { leaseNow, MigrationLease, type LeaseTerms } from './migration-lease.js';
import { MOST_LEASE_TTL_MS } from './migration-options.js';

const MOST_ATTEMPTS = 8;
const TICK_MS = 500;

/**
 * A lease that is held is watched for one whole period on this clock: it is refused as soon as its
 * owner gives a sign of life, and taken over when there was none.
 *
 * @throws FieldEncryptionError `MIGRATION_UNDER_WAY` where the owner is alive.
 */
export async function* acquireLease(
  terms: LeaseTerms,
  signal: AbortSignal | undefined,
): AsyncGenerator<LeaseEvent, MigrationLease, void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await readLease(terms, signal);
    if (copy && !isGivenBack(copy.lease) && !(yield* hasFallenSilent(terms, copy, signal)))
      continue;
    signal?.throwIfAborted();
    const sentAt = momentOf(terms.clock);
    const etag = await tryWriteLease(terms, leaseNow(terms), copy?.etag);
    if (etag !== undefined) return new MigrationLease(terms, etag, sentAt);
  }
  throw contended(`Taking the lease of "${terms.collection}"`, MOST_ATTEMPTS);
}

/** False when the lease was given back in the meantime. */
async function* hasFallenSilent(
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
    if (!now || isGivenBack(now.lease)) return false;
    if (now.etag !== etag) throw underWay(terms, now.lease);
  }
}

/** The owner's own period where that is longer: what is stored never makes the wait shorter. */
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
    `The lease of "${collection}" is held by "${owner}" for ${kind}, which was heard of at ${heartbeatAt}: wait until it has finished, or stop it, and run this again`,
  );
}
