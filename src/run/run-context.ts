/** The internal context of a run, created from the caller's. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import { AuditLog } from '../audit/audit-log.js';
import type { AuditOptions } from '../audit/audit-trail.js';
import type { DekCache } from '../dek/dek-cache.js';
import { readRecoveryKey, type RecoveryKey } from '../dek/dek-wraps.js';
import { epochsSeenBy, type EpochsSeen } from '../dek/dek-bounds.js';
import type { ProductOptions } from '../dek/known-product.js';
import { RecordReader } from '../dek/record-reader.js';
import type { MekReference } from '../format/dek-row.js';
import {
  DEFAULT_FENCE_TTL_MS,
  LEAST_FENCE_TTL_MS,
  MOST_FENCE_TTL_MS,
} from '../format/rotation-record.js';
import {
  readEncryption,
  requireIdentifier,
  requireIntegerBetween,
  requireBoolean,
} from '../guards/guards.js';
import {
  BUDGET_OPTIONS,
  readBudgetOptions,
  type VaultBudgetLimits,
  type VaultBudgetOptions,
  VaultBudget,
} from '../provider/vault-budget.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { type DekStore, originOf } from '../store/dek-store.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { RunCharge } from '../store/run-charge.js';
import type { RunTally } from './passes.js';
import type { RunName, RunSummary, RunEstimate } from './run-event.js';

/** The options of every run that changes something. */
export interface RunOptions extends CallOptions, ProductOptions, VaultBudgetOptions {
  /**
   * Most items in flight, 1 to 1 000. When the key service throttles, all of them wait as long as it asks;
   * half as many continue, and one more after each round that succeeded.
   *
   * @default 8
   */
  readonly concurrency?: number;
  /** Reads every item, and writes nothing. @default false */
  readonly dryRun?: boolean;
  /**
   * Failures of one scan without a success between them after which the run stops with `TOO_MANY_FAILURES`, 1
   * to a thousand million. What it did is durable, and another run continues it.
   *
   * @default 100
   */
  readonly maxFailures?: number;
}

export interface RunRequest {
  readonly concurrency: number;
  readonly limits: VaultBudgetLimits;
  readonly dryRun: boolean;
  readonly maxFailures: number;
  readonly allowEmpty: boolean;
  readonly signal: AbortSignal | undefined;
}

const RUN_OPTIONS: readonly (keyof RunOptions)[] = [
  'concurrency',
  'dryRun',
  'maxFailures',
  'allowEmpty',
  ...BUDGET_OPTIONS,
];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;
const DEFAULT_MAX_FAILURES = 100;
const MOST_MAX_FAILURES = 1_000_000_000;

/**
 * @param more - Names of options that only this run has, and validates itself.
 * @returns The options' own properties, and the request that they describe.
 * @throws TypeError or RangeError for invalid options.
 */
export function readRunOptions<Options extends RunOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: RunRequest } {
  const own = ownCallOptions(options, [...more, ...RUN_OPTIONS]);
  const { dryRun = false, maxFailures = DEFAULT_MAX_FAILURES, allowEmpty = false, signal } = own;
  const concurrency = readConcurrency(own.concurrency);
  requireBoolean('dryRun', dryRun);
  requireIntegerBetween('maxFailures', maxFailures, 1, MOST_MAX_FAILURES);
  requireBoolean('allowEmpty', allowEmpty);
  const limits = readBudgetOptions(own);
  return { own, request: { concurrency, limits, dryRun, maxFailures, allowEmpty, signal } };
}

/** The number of items that a run, or a search, has in flight. */
export function readConcurrency(concurrency: number = DEFAULT_CONCURRENCY): number {
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  return concurrency;
}

/** The context that every run works in; a `FieldEncryptor` is one. */
export interface EncryptionContext {
  readonly product: string;
  /** The providers of every MEK version that rows still name, and of the target of a rotation. */
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /**
   * Receives each new wrap, so that its keys stay usable, and each shredded DEK; used only together with this
   * `dekStore` object. Other processes need no signal.
   */
  readonly dekCache?: DekCache;
  /** An RSA public key, PEM: each DEK is also wrapped for it, and can be recovered without the MEK. */
  readonly recoveryKey?: string;
  /** Whether writers encrypt: migrations refuse to run against it. @default true */
  readonly enabled?: boolean;
  /** Used only for a product without a rotation record. @default 30 000 */
  readonly fenceTtlMs?: number;
  /** Refuses a rotation record below this epoch, which was restored from an older state. @default 1 */
  readonly minimumEpoch?: number;
  /**
   * Records each run in the audit trail, and what it shreds, takes over, and changes in the records. A run
   * whose start cannot be recorded does nothing. @default off
   */
  readonly audit?: AuditOptions;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The parts that need no request: for options that name a MEK. */
export interface RunParts {
  readonly product: string;
  readonly clock: Clock;
  /** Without the budget of a run. */
  readonly configured: ConfiguredProviders;
  readonly encryption: EncryptionContext;
}

export interface RunContext {
  readonly product: string;
  readonly clock: Clock;
  /** Within the budget of the run. */
  readonly providers: ConfiguredProviders;
  readonly dekStore: Required<DekStore>;
  /** The caller's cache. */
  readonly dekCache: DekCache | undefined;
  readonly recoveryKey: RecoveryKey | undefined;
  readonly records: RecordReader;
  readonly epochs: EpochsSeen;
  /** For a rotation record that the run creates. */
  readonly fenceTtlMs: number;
  readonly request: RunRequest;
  readonly signal: AbortSignal | undefined;
  /** How much the run may use key services, and how many items it has in flight. */
  readonly budget: VaultBudget;
  readonly charge: RunCharge;
  readonly audit: AuditLog | undefined;
  readonly startedMs: number;
}

/** @throws TypeError or RangeError for an invalid encryption context. */
export function runParts(encryption: EncryptionContext): RunParts {
  const own = readEncryption(encryption);
  const { product, keyProviders, clock = systemClock } = own;
  requireIdentifier('product', product);
  const configured = new ConfiguredProviders(keyProviders, { product, clock });
  return { product, clock, configured, encryption };
}

/**
 * @param firstMek - The MEK version that wraps the first DEKs of a product. @default the provider's current
 *   MEK
 * @throws TypeError or RangeError for an invalid encryption context.
 */
export function runContext(
  { product, clock, configured, encryption }: RunParts,
  request: RunRequest,
  firstMek?: MekReference,
): RunContext {
  const own = readEncryption(encryption);
  const { dekCache, fenceTtlMs = DEFAULT_FENCE_TTL_MS } = own;
  requireIntegerBetween('fenceTtlMs', fenceTtlMs, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
  const recoveryKey = readRecoveryKey(own.recoveryKey);
  const { signal } = request;
  const charge = new RunCharge();
  const budget = new VaultBudget({ ...request.limits, concurrency: request.concurrency, clock });
  const providers = budget.over(configured);
  const dekStore = new CheckedDekStore(own.dekStore, { product, clock }, charge);
  dekCache?.belongTo(originOf(own.dekStore), product);
  const epochs = epochsSeenBy(encryption);
  const records = new RecordReader({
    product,
    dekStore,
    clock,
    firstMek: firstMek ? () => Promise.resolve(firstMek) : () => providers.currentMek(),
    fenceTtlMs,
    epochs,
    refusesEmpty: !request.allowEmpty,
    signal,
  });
  const audit = own.audit === undefined ? undefined : AuditLog.of(own.audit, { product, clock });
  const startedMs = clock.monotonicMs();
  const parts = { product, clock, providers, dekStore, dekCache, recoveryKey, records, epochs };
  return { ...parts, fenceTtlMs, request, signal, budget, charge, audit, startedMs };
}

/** The properties of every summary in addition to the run's counts. */
export function summaryHead(
  { product, request, clock, startedMs }: RunContext,
  run: RunName,
): Pick<RunSummary, 'dryRun' | 'durationMs' | 'product' | 'run'> {
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  return { run, product, dryRun: request.dryRun, durationMs };
}

/** @param more - Operations that the dry run did not need. */
export function runEstimate({ budget }: RunContext, tally: RunTally, more = 0): RunEstimate {
  const vaultOps = budget.calls + more;
  const { callsPerSecond } = budget;
  const leastMs = callsPerSecond && Math.ceil((vaultOps * 1_000) / callsPerSecond);
  return { items: tally.counts.wouldChange, vaultOps, ...(leastMs !== undefined && { leastMs }) };
}
