import {
  isFieldEncryptionError,
  type RewrapEvent,
  type RewrapSummary,
} from '../../../src/index.js';
import { secretWatch } from '../secrets/secret-watch.js';
import { EventCheck } from './event-check.js';
import type { RotateOptions } from './operator.js';
import type { Process, Watch } from './watch.js';

export interface Driven {
  readonly events: readonly RewrapEvent[];
  /** Absent where it threw, or was left. */
  readonly summary?: RewrapSummary;
  readonly error?: unknown;
}

export interface DriveOptions {
  /** Before each event is pulled; false leaves the rewrap. */
  readonly pull?: (events: readonly RewrapEvent[]) => Promise<boolean>;
}

/** Pulls a rewrap to its end, and checks what it says against what happened: I7 and I9. */
export async function drive(
  watch: Watch,
  { name, encryptor }: Process,
  { back = false, ...options }: RotateOptions,
  { pull = () => Promise.resolve(true) }: DriveOptions = {},
): Promise<Driven> {
  const events: RewrapEvent[] = [];
  const rewrapping = watch.operator.rotate(encryptor, options, back);
  const check = new EventCheck(watch, name);
  try {
    while (await pull(events)) {
      const { done, value } = await rewrapping.next();
      if (done) {
        check.finish(events, value);
        return { events, summary: value };
      }
      events.push(value);
      secretWatch.emitted.addValue('an event', value);
      await check.see(value);
    }
  } catch (error) {
    if (isAssertion(error)) throw error;
    return { events, error };
  }
  await rewrapping.return(undefined as never);
  return { events };
}

/** How it ended: a code, `'complete'`, `'incomplete'`, or `'left'`. */
export function endOf({ error, summary }: Driven): string {
  if (isFieldEncryptionError(error)) return error.code;
  if (error !== undefined) throw error as Error;
  if (!summary) return 'left';
  return summary.complete ? 'complete' : 'incomplete';
}

function isAssertion(error: unknown): boolean {
  return error instanceof Error && error.name === 'AssertionError';
}
