/** Records a run in the audit trail: its start, failed items, its end. @module */
import type { AuditLog } from '../audit/audit-log.js';
import { auditCode, knownCode, type Facts } from '../audit/audited-operation.js';
import { isDekId } from '../format/key-scope.js';
import type { MekReference } from '../format/dek-row.js';
import type { RunContext } from './run-context.js';
import type { RunCounts, RunFailures, RunName, RunSummary } from './run-event.js';

/** What is known of a run before it begins. */
export interface AuditedRun {
  readonly run: RunName;
  readonly collection?: string;
  readonly target?: MekReference;
  readonly sourceVersion?: string | undefined;
}

/** Any event of any run. */
interface EventLike {
  readonly type: string;
  readonly dekId?: unknown;
  readonly error?: unknown;
  readonly counts?: RunCounts;
}

/** Sums that only some runs have. */
const SUMS = [
  'fields',
  'retired',
  'shredded',
  'repaired',
  'flipped',
  'epochOnly',
  'documents',
  'failedDocuments',
  'documentsWithoutDek',
  'documentsNewerThanRow',
] as const;

/** What was done up to here. */
interface Progress {
  readonly counts: RunCounts;
  readonly passes: number;
}

export class RunAudit {
  readonly #log: AuditLog;
  readonly #context: RunContext;
  readonly #run: AuditedRun;
  #hasBegun = false;
  #passes = 0;
  #counts: RunCounts | undefined;
  /** Over the passes that are over. */
  #changed = 0;

  constructor(log: AuditLog, context: RunContext, run: AuditedRun) {
    this.#log = log;
    this.#context = context;
    this.#run = run;
  }

  /** @throws FieldEncryptionError where the start cannot be recorded. */
  async begin(): Promise<void> {
    const { run, collection, target, sourceVersion } = this.#run;
    await this.#log.begin(run, {
      dryRun: this.#context.request.dryRun,
      ...(collection !== undefined && { collection }),
      ...(target && { target: mekOf(target) }),
      ...(sourceVersion !== undefined && { sourceVersion }),
    });
  }

  /** Called with each event: writes nothing for an item that succeeded. */
  see({ type, counts, dekId, error }: EventLike): void {
    if (type === 'begun') this.#hasBegun = true;
    if (type === 'passed') {
      this.#passes += 1;
      this.#changed += counts?.changed ?? 0;
      this.#counts = counts && { ...counts, changed: 0 };
      return;
    }
    this.#counts = counts ?? this.#counts;
    if (type !== 'failed') return;
    const errorCode = auditCode(error);
    this.#log.itemFailed({ ...(isDekId(dekId) && { dekId }), errorCode });
  }

  /** @throws FieldEncryptionError where the end cannot be recorded: what was done is done. */
  async finish(summary: RunSummary): Promise<void> {
    await this.#log.end('finished', factsOf(summary));
  }

  /** @throws FieldEncryptionError where the end cannot be recorded. */
  async leave(): Promise<void> {
    await this.#log.end('stopped', { by: 'caller', ...this.#factsSoFar });
  }

  /** The failure of the run is the one to report, whether or not its end can be recorded. */
  async fail(error: unknown): Promise<void> {
    const log = this.#log;
    const { signal } = this.#context;
    const errorCode = auditCode(error, signal);
    const how = this.#hasBegun ? 'failed' : 'refused';
    const end =
      errorCode === 'ABORTED'
        ? log.end('stopped', { by: 'signal', ...this.#factsSoFar })
        : log.end(how, { errorCode, ...this.#factsSoFar });
    await end.catch(() => undefined);
  }

  get #factsSoFar(): Facts {
    const { budget, charge, clock, startedMs } = this.#context;
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    const { total: requestCharge } = charge;
    const use = budget.inSummary({ ...this.#progress, durationMs });
    return { ...use, ...(requestCharge !== undefined && { requestCharge }) };
  }

  get #progress(): Progress | undefined {
    const counts = this.#counts;
    if (!counts) return undefined;
    return { counts: { ...counts, changed: counts.changed + this.#changed }, passes: this.#passes };
  }
}

function factsOf(summary: RunSummary): Facts {
  const { complete, passes, durationMs, vaultOps, throttled, requestCharge } = summary;
  const { epoch, generationFloor, target } = summary as {
    readonly epoch?: number;
    readonly generationFloor?: number;
    readonly target?: MekReference;
  };
  return {
    complete,
    counts: countsOf(summary),
    passes,
    failures: failuresOf(summary.failures),
    ...sumsOf(summary),
    ...(epoch !== undefined && { epoch }),
    ...(target && { target: mekOf(target) }),
    ...(generationFloor !== undefined && { generationFloor }),
    durationMs,
    ...(vaultOps !== undefined && { vaultOps }),
    ...(throttled !== undefined && { throttled }),
    ...(requestCharge !== undefined && { requestCharge }),
  };
}

function mekOf({ keyProvider, mekName, mekVersion }: MekReference): MekReference {
  return { keyProvider, mekName, mekVersion };
}

function countsOf(summary: RunCounts): RunCounts {
  const { scanned, changed, unchanged, skipped, failed, wouldChange } = summary;
  return { scanned, changed, unchanged, skipped, failed, wouldChange };
}

/** Without the keys of documents. */
function failuresOf(failures: RunFailures): Facts {
  const byCode = new Map<string, { count: number; readonly example?: string }>();
  for (const [code, { count, example }] of Object.entries(failures)) {
    const known = byCode.get(knownCode(code));
    if (known) known.count += count;
    else byCode.set(knownCode(code), { count, ...(isDekId(example) && { example }) });
  }
  return Object.fromEntries(byCode);
}

function sumsOf(summary: object): Facts {
  const all = summary as Readonly<Record<string, unknown>>;
  const present = SUMS.filter((name) => typeof all[name] === 'number');
  return present.length === 0
    ? {}
    : { sums: Object.fromEntries(present.map((name) => [name, all[name]])) };
}
