/** Metrics of runs, such as `rewrapAllDeks`. @module */
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import type { RunMessage } from '../run/run-publisher.js';
import type { Measured } from './attributes.js';
import { secondsOf, type Instrumentation } from './instrumentation.js';

/** The events of one item each. */
const OUTCOMES: readonly string[] = ['changed', 'failed', 'skipped', 'unchanged', 'would-change'];
/** Runs under way, and series of runs, that are remembered. */
export const MOST_RUNS = 1_000;

export function measuredOfRun({ product, run, collection, dryRun }: RunMessage): Measured {
  return { product, run, collection, dryRun };
}

/** Numbers of runs are unique in one copy of the library; there may be two. */
export function keyOfRun({ product, run, id }: RunMessage): string {
  return JSON.stringify([product, run, id]);
}

interface RunInstruments {
  readonly items: Counter;
  readonly duration: Histogram;
  readonly operations: Counter;
  readonly throttled: Counter;
}

interface RunUnderWay {
  readonly measured: Measured;
  /** Absent where it was under way before. */
  readonly startedMs: number | undefined;
  vaultOps: number;
  throttled: number;
}

/** Of the last run of each kind. */
interface Progress {
  readonly left: number | undefined;
  readonly total: number | undefined;
}

export function watchRuns(parts: Instrumentation): void {
  const metrics = new RunMetrics(parts);
  parts.listening.to<RunMessage>(diagnosticsChannels.run, (message) => {
    metrics.add(message);
  });
}

class RunMetrics {
  readonly #parts: Instrumentation;
  readonly #instruments: RunInstruments;
  readonly #underWay = new Map<string, RunUnderWay>();
  readonly #progress = new Map<string, Progress & { readonly measured: Measured }>();

  constructor(parts: Instrumentation) {
    this.#parts = parts;
    this.#instruments = runInstruments(parts.meter);
    this.#observe();
  }

  add(message: RunMessage): void {
    const { values } = this.#parts;
    const { event, total, left } = message;
    const run = this.#runOf(message);
    const { measured } = run;
    if (OUTCOMES.includes(event.type)) {
      const errorType = errorTypeOf(message);
      this.#instruments.items.add(1, values.of({ ...measured, outcome: event.type, errorType }));
    }
    this.#progressed(measured, { total, left });
    this.#addUse(run, message);
    if (event.type === 'finished' || event.type === 'stopped') this.#end(run, message);
  }

  #runOf(message: RunMessage): RunUnderWay {
    const key = keyOfRun(message);
    const known = this.#underWay.get(key);
    if (known) return known;
    const isNew = message.event.type === 'started';
    const run = {
      measured: measuredOfRun(message),
      startedMs: isNew ? this.#parts.clock.monotonicMs() : undefined,
      // What was used before was not measured.
      vaultOps: message.vaultOps ?? 0,
      throttled: message.throttled ?? 0,
    };
    if (this.#underWay.size < MOST_RUNS) this.#underWay.set(key, run);
    return run;
  }

  #addUse(run: RunUnderWay, { vaultOps = 0, throttled = 0 }: RunMessage): void {
    const { operations, throttled: throttles } = this.#instruments;
    const attributes = this.#parts.values.of(run.measured);
    if (vaultOps > run.vaultOps) operations.add(vaultOps - run.vaultOps, attributes);
    if (throttled > run.throttled) throttles.add(throttled - run.throttled, attributes);
    run.vaultOps = vaultOps;
    run.throttled = throttled;
  }

  #end({ measured, startedMs }: RunUnderWay, message: RunMessage): void {
    const { values, clock } = this.#parts;
    this.#underWay.delete(keyOfRun(message));
    if (startedMs === undefined) return;
    const outcome = message.event.type;
    const attributes = values.of({ ...measured, outcome, errorType: errorTypeOf(message) });
    this.#instruments.duration.record((clock.monotonicMs() - startedMs) / 1_000, attributes);
  }

  #progressed(measured: Measured, { left, total }: Progress): void {
    const key = JSON.stringify(measured);
    const before = this.#progress.get(key);
    if (!before && this.#progress.size >= MOST_RUNS) return;
    // Until a run has begun to scan, what the one before it left is what is known.
    const known = { left: left ?? before?.left, total: total ?? before?.total };
    this.#progress.set(key, { measured, ...known });
  }

  #observe(): void {
    const { meter, listening, values } = this.#parts;
    const active = meter.createObservableGauge('field_encrypt.run.active', {
      description: 'Runs of this process that are under way',
      unit: '{run}',
    });
    const left = meter.createObservableGauge('field_encrypt.run.left', {
      description: 'Items that the last run may still have to change, or has left',
      unit: '{item}',
    });
    const total = meter.createObservableGauge('field_encrypt.run.size', {
      description: 'Items when the last scan of the last run began',
      unit: '{item}',
    });
    listening.observe(meter, [active, left, total], (results) => {
      const keys = [...this.#underWay.values()].map(({ measured }) => JSON.stringify(measured));
      for (const [key, { measured, ...progress }] of this.#progress) {
        const attributes = values.of(measured);
        results.observe(active, keys.filter((each) => each === key).length, attributes);
        if (progress.left !== undefined) results.observe(left, progress.left, attributes);
        if (progress.total !== undefined) results.observe(total, progress.total, attributes);
      }
    });
  }
}

/** Of an item that failed, or of a run that stopped. */
function errorTypeOf({ event }: RunMessage): unknown {
  return 'errorCode' in event ? event.errorCode : undefined;
}

function runInstruments(meter: Meter): RunInstruments {
  return {
    items: meter.createCounter('field_encrypt.run.items', {
      description: 'Items that runs have scanned, by outcome; a run may scan each several times',
      unit: '{item}',
    }),
    duration: secondsOf(meter, 'field_encrypt.run.duration', {
      description: 'Time of one run, from its start to its end',
      of: 'run',
    }),
    operations: meter.createCounter('field_encrypt.run.key_operations', {
      description: 'Operations of key services that runs have used',
      unit: '{operation}',
    }),
    throttled: meter.createCounter('field_encrypt.run.throttled', {
      description: 'Operations of runs that a key service throttled',
      unit: '{operation}',
    }),
  };
}
