/** What a migration of documents is asked to do, checked before anything happens. @module */
import { hostname } from 'node:os';
import { pid } from 'node:process';
import {
  readOptions,
  requireBoolean,
  requireFunction,
  requireIdentifier,
  requireIntegerBetween,
  requireSignal,
} from '../guards.js';
import { ownSignal } from '../own-signal.js';
import { checkedSelect } from './checked-select.js';
import type { AnyDocument } from './document-pages.js';

export interface MigrationOptions {
  /** Documents under way at once, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
  /** Looks at every document, and writes nothing at all, the lease included. @default false */
  readonly dryRun?: boolean;
  /** Only documents, as stored, for which this returns true. @default all */
  readonly select?: (document: Readonly<Record<string, unknown>>) => boolean;
  /** Stops before the next document; the generator then throws its reason. Run again to go on. */
  readonly signal?: AbortSignal;
  /** Who runs this, as another run is told. @default host and process */
  readonly owner?: string;
  /**
   * How long nothing may be heard of this run until another may take its lease, 1 000 to 600 000.
   *
   * @default 30 000
   */
  readonly leaseTtlMs?: number;
}

/** @internal */
export interface MigrationRequest {
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly select: ((document: AnyDocument) => boolean) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly owner: string;
  readonly leaseTtlMs: number;
}

const OPTIONS: readonly (keyof MigrationOptions)[] = [
  'concurrency',
  'dryRun',
  'select',
  'signal',
  'owner',
  'leaseTtlMs',
];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;
const DEFAULT_LEASE_TTL_MS = 30_000;
export const LEAST_LEASE_TTL_MS = 1_000;
export const MOST_LEASE_TTL_MS = 600_000;

/**
 * @param more - Names of options that only this migration has, and checks itself.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readMigrationOptions(
  options: MigrationOptions,
  more: readonly string[] = [],
): MigrationRequest {
  const own = readOptions(options, [...more, ...OPTIONS]);
  const { concurrency = DEFAULT_CONCURRENCY, dryRun = false, select, signal } = own;
  const { owner = `${hostname()}/${String(pid)}`, leaseTtlMs = DEFAULT_LEASE_TTL_MS } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  requireBoolean('dryRun', dryRun);
  if (select !== undefined) requireFunction('select', select);
  if (signal !== undefined) requireSignal('signal', signal);
  requireIdentifier('owner', owner);
  requireIntegerBetween('leaseTtlMs', leaseTtlMs, LEAST_LEASE_TTL_MS, MOST_LEASE_TTL_MS);
  return {
    concurrency,
    dryRun,
    select: select && checkedSelect(select),
    signal: ownSignal(signal),
    owner,
    leaseTtlMs,
  };
}
