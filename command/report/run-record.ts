/** Notes what the runs of a mode do, in flat memory: items, figures over time, failures. @module */
import { isFieldEncryptionError, type MekReference, type RunCounts } from '@bytelyst/field-encrypt';
import type { Evidence, ReportItem } from './evidence-schema.js';
import type { ProgressEvent, VaultFigures } from './progress.js';
import { type Figures, Throughput } from './throughput.js';

/** What the record needs of an event of any run. */
export interface RecordedEvent extends ProgressEvent {
  readonly dekId?: string;
  readonly key?: Readonly<Record<string, string>>;
  readonly collection?: string;
  readonly error?: unknown;
  readonly from?: MekReference;
  readonly target?: MekReference;
  readonly summary?: {
    readonly vaultOps?: number;
    readonly throttled?: number;
    readonly requestCharge?: number;
    readonly durationMs?: number;
  };
}

export interface RunRecordSettings {
  readonly documentKeys: boolean;
  /** Of a mode that writes nothing, only what failed is an item. */
  readonly onlyFailures: boolean;
  readonly elapsedMs: () => number;
  /** Of the run that goes on. */
  readonly vault: () => VaultFigures;
  readonly onItem: (item: ReportItem) => void;
}

/** Of failures, so that a later scan does not count them again. */
const MOST_REMEMBERED = 10_000;
const MOST_EXAMPLES = 5;
/** Codes are few; anything else must not fill the memory. */
const MOST_CODES = 100;
const OTHER = 'OTHER';

interface Failures {
  count: number;
  readonly examples: string[];
}

export class RunRecord {
  readonly #settings: RunRecordSettings;
  readonly #throughput: Throughput;
  readonly #failures = new Map<string, Failures>();
  readonly #remembered = new Set<string>();
  #totals = { scanned: 0, changed: 0, failed: 0 };
  #counts: RunCounts | undefined;
  #vaultBefore: VaultFigures = { vaultOps: 0, throttled: 0 };
  #requestCharge: number | undefined;
  #begunMs = 0;
  /** Of runs that are over. */
  #runsMs: number | undefined;
  #isRunning = false;
  #target: MekReference | undefined;
  #collection: string | undefined;

  constructor(settings: RunRecordSettings) {
    this.#settings = settings;
    this.#throughput = new Throughput(() => this.#figures());
  }

  event(event: RecordedEvent): void {
    if (event.type === 'begun') this.#begin(event);
    if (event.type === 'pass') this.#counts = undefined;
    if (event.counts) this.#count(event.counts);
    if (event.type === 'failed') this.#fail(event);
    else if (event.type === 'changed' || event.type === 'would-change')
      this.#item(event.type, event);
    if (event.type === 'finished') this.#finish(event);
    else this.#throughput.note(this.#settings.elapsedMs());
  }

  /** Over all runs. @param durationMs - Of the mode: where it has no runs. */
  took(durationMs: number): Evidence['took'] {
    const requestCharge = this.#requestCharge;
    const runningMs = this.#isRunning ? this.#settings.elapsedMs() - this.#begunMs : 0;
    const hasRuns = this.#runsMs !== undefined || this.#isRunning;
    return {
      durationMs: Math.round(hasRuns ? (this.#runsMs ?? 0) + runningMs : durationMs),
      ...this.#figures(),
      ...(requestCharge !== undefined && { requestCharge }),
    };
  }

  throughput(): Evidence['throughput'] {
    return [...this.#throughput.end(this.#settings.elapsedMs())];
  }

  failures(): Evidence['failures'] {
    return [...this.#failures]
      .map(([code, { count, examples }]) => ({ code, count, examples }))
      .sort((one, other) => other.count - one.count);
  }

  #begin({ target, collection }: RecordedEvent): void {
    this.#target = target;
    this.#collection = collection;
    this.#counts = undefined;
    this.#isRunning = true;
    this.#begunMs = this.#settings.elapsedMs();
    this.#remembered.clear();
    // The run that is over may have published more than the last point has.
    this.#throughput.note(this.#settings.elapsedMs());
  }

  /** Counts of events begin again with each scan; an item that fails in each scan counts once. */
  #count(counts: RunCounts): void {
    const { scanned = 0, changed = 0 } = this.#counts ?? {};
    this.#totals.scanned += Math.max(counts.scanned - scanned, 0);
    this.#totals.changed += Math.max(counts.changed - changed, 0);
    this.#counts = counts;
  }

  /** The figures of the summary are whole. */
  #finish({ summary = {} }: RecordedEvent): void {
    const { vaultOps = 0, throttled = 0, requestCharge, durationMs = 0 } = summary;
    const before = this.#vaultBefore;
    this.#vaultBefore = {
      vaultOps: before.vaultOps + vaultOps,
      throttled: before.throttled + throttled,
    };
    this.#isRunning = false;
    this.#runsMs = (this.#runsMs ?? 0) + durationMs;
    if (requestCharge !== undefined)
      this.#requestCharge = (this.#requestCharge ?? 0) + requestCharge;
  }

  #figures(): Figures {
    const { vaultOps, throttled } = this.#vaultBefore;
    const now = this.#isRunning ? this.#settings.vault() : { vaultOps: 0, throttled: 0 };
    return {
      ...this.#totals,
      vaultOps: vaultOps + now.vaultOps,
      throttled: throttled + now.throttled,
    };
  }

  #fail(event: RecordedEvent): void {
    const { dekId, key, error } = event;
    const name = dekId ?? JSON.stringify(key ?? {});
    if (this.#remembered.has(name)) return;
    if (this.#remembered.size < MOST_REMEMBERED) this.#remembered.add(name);
    const known = isFieldEncryptionError(error) ? error.code : OTHER;
    const code = this.#failures.size < MOST_CODES || this.#failures.has(known) ? known : OTHER;
    const failures = this.#failures.get(code) ?? { count: 0, examples: [] };
    this.#failures.set(code, failures);
    failures.count += 1;
    this.#totals.failed += 1;
    const isNamed = dekId !== undefined || (key !== undefined && this.#settings.documentKeys);
    if (isNamed && failures.examples.length < MOST_EXAMPLES) failures.examples.push(name);
    this.#item('failed', event, code);
  }

  #item(outcome: ReportItem['outcome'], event: RecordedEvent, errorCode?: string): void {
    const { dekId, key, from } = event;
    const { documentKeys, onlyFailures, onItem } = this.#settings;
    const isNamed = dekId !== undefined || (key !== undefined && documentKeys);
    // Without its key, a document that was changed is only counted.
    if (outcome !== 'failed' && (onlyFailures || !isNamed)) return;
    const to = outcome === 'failed' ? undefined : this.#target;
    const collection = this.#collection;
    onItem({
      ...(dekId !== undefined && { dekId }),
      ...(dekId === undefined && collection !== undefined && { collection }),
      ...(dekId === undefined && key && documentKeys && { key }),
      outcome,
      ...(from && { from: mekName(from) }),
      ...(from && to && { to: mekName(to) }),
      ...(errorCode !== undefined && { errorCode }),
    });
  }
}

function mekName({ keyProvider, mekName: name, mekVersion }: MekReference): string {
  return `${keyProvider}/${name}/${mekVersion}`;
}
