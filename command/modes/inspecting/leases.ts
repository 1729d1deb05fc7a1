/** Migrations that run, or were left unfinished. @module */
import type { ProductRecords } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { Finding } from '../../report/mode-report.js';
import type { View } from '../../report/view.js';
import type { ModeContext } from '../mode.js';
import { commandOn } from './findings.js';

const moment = z.iso.datetime();

/** `held`: by a process that renews it. `left`: its time is over, and its owner did not finish. */
export const leaseSchema = z.strictObject({
  collection: z.string(),
  kind: z.string(),
  owner: z.string(),
  heartbeatAt: moment,
  expiresAt: moment,
  state: z.enum(['held', 'left', 'released']),
});

export const reencryptionSchema = z.strictObject({
  collection: z.string(),
  createdBefore: moment,
  generationFloor: z.number().int(),
  startedAt: moment,
  /** The lease of the collection is of this re-encryption, and was not released. */
  unfinished: z.boolean(),
});

export type ReportedLease = z.output<typeof leaseSchema>;
type Reencryption = z.output<typeof reencryptionSchema>;

export function reportedLeases(
  { leases }: Pick<ProductRecords, 'leases'>,
  nowMs: number,
): readonly ReportedLease[] {
  return leases.map(({ released, ...lease }) => ({
    ...lease,
    state: released ? 'released' : Date.parse(lease.expiresAt) > nowMs ? 'held' : 'left',
  }));
}

export function reportedReencryptions(
  { reencryptions }: Pick<ProductRecords, 'reencryptions'>,
  leases: readonly ReportedLease[],
): readonly Reencryption[] {
  return reencryptions.map((each) => ({
    ...each,
    unfinished: leases.some(
      ({ collection, kind, state }) =>
        collection === each.collection && kind === 'reencrypt' && state !== 'released',
    ),
  }));
}

export function leasesView(leases: readonly ReportedLease[]): View | undefined {
  if (leases.length === 0) return undefined;
  return {
    title: 'Migrations of documents',
    rows: leases.map(({ collection, kind, owner, state, heartbeatAt }) => ({
      collection,
      kind,
      state,
      owner,
      'last seen': heartbeatAt,
    })),
  };
}

export function leaseFindings(
  context: Pick<ModeContext, 'raw'>,
  leases: readonly ReportedLease[],
  reencryptions: readonly Reencryption[],
): readonly Finding[] {
  return leases.flatMap((lease): readonly Finding[] => {
    const { collection, kind, owner, state, heartbeatAt, expiresAt } = lease;
    if (state === 'released') return [];
    const what = `The ${kind} of "${collection}" by ${owner}`;
    if (state === 'held') {
      const message = `${what} is running: its lease is held until ${expiresAt}`;
      return [{ level: 'warn', check: 'lease', message, action: 'Wait until it has finished.' }];
    }
    const message = `${what} was left unfinished, last seen at ${heartbeatAt}`;
    const command = finishing(context, lease, reencryptions);
    return [{ level: 'warn', check: 'lease', message, ...(command !== undefined && { command }) }];
  });
}

function finishing(
  context: Pick<ModeContext, 'raw'>,
  { collection, kind }: ReportedLease,
  reencryptions: readonly Reencryption[],
): string | undefined {
  const flags = { collection: [collection] };
  switch (kind) {
    case 'backfill':
      return commandOn(context, 'encrypt', flags);
    case 'forget-paths':
      return commandOn(context, 'definitions', { ...flags, forget: true });
    case 'remove-encryption':
      return commandOn(context, 'remove-encryption', flags);
    case 'move':
      return commandOn(context, 'move', {
        'from-collection': collection,
        'to-collection': 'COLLECTION',
      });
    case 'reencrypt': {
      const before = reencryptions.find((each) => each.collection === collection);
      const same = before && { 'created-before': before.createdBefore };
      return commandOn(context, 're-encrypt', { ...flags, ...same });
    }
    default:
      return undefined;
  }
}
