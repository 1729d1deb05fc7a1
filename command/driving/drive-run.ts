/** Drives a run of the library to its end, or until it is stopped. @module */
import type { RunCounts, RunSummary } from '@bytelyst/field-encrypt';
import type { Output } from '../report/output.js';
import type { RecordedEvent, RunRecord } from '../report/run-record.js';

/** What the driver needs of an event; the event keeps its other properties. */
interface RunEvent extends RecordedEvent {
  readonly summary?: RunSummary;
}

export interface Driver {
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly documentKeys: boolean;
  /** From the first event `begun` on, something may have been written. */
  hasBegun: boolean;
  /** Of the report, where one is asked for. */
  readonly record?: RunRecord | undefined;
}

export interface DrivenRun<Summary> {
  /** Absent where the run was interrupted. */
  readonly summary?: Summary;
  /** Of the pass that was interrupted. */
  readonly counts?: RunCounts;
  readonly wasInterrupted: boolean;
}

/** The most failures that are remembered, so that a later scan does not print them again. */
const MOST_REMEMBERED = 10_000;

/** @throws What the run throws, unless it was stopped. */
export async function driveRun<Summary extends RunSummary>(
  driver: Driver,
  label: string,
  events: AsyncGenerator<RunEvent, Summary, void>,
): Promise<DrivenRun<Summary>> {
  const { output, signal, record } = driver;
  const printed = new Set<string>();
  let counts: RunCounts | undefined;
  output.begin(label);
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return { summary: value, wasInterrupted: false };
      if (value.type === 'begun') driver.hasBegun = true;
      if (value.type === 'failed') printFailure(driver, value, printed);
      counts = value.counts ?? counts;
      record?.event(value);
      const drained = output.event(value);
      if (drained) await drained;
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    return { wasInterrupted: true, ...(counts && { counts }) };
  }
}

function printFailure(
  { output, documentKeys }: Driver,
  { dekId, key, error }: RunEvent,
  printed: Set<string>,
): void {
  const name = dekId ?? JSON.stringify(key ?? {});
  if (printed.has(name)) return;
  if (printed.size < MOST_REMEMBERED) printed.add(name);
  const who = dekId ?? (documentKeys ? name : 'a document (its key: --document-keys)');
  output.failure(who, error);
}
