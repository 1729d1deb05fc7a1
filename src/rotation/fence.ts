/** The fence of a rotation: after it, no writer acts on the record from before. @module */
import { timestampOf } from '../async/clock.js';
import { contended } from '../errors/errors.js';
import type { FenceEvent } from '../run/run-event.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { fencedRecord } from '../format/record-transitions.js';
import type { Rotation } from './rotation.js';
import type { RotationContext } from './rotation-context.js';

const MOST_ATTEMPTS = 8;

/**
 * Waits for all writers, from after `fencing` was read; then says so in the record. Nothing to wait for
 * where another process has.
 */
export async function* passFence(
  rotation: Rotation,
  context: RotationContext,
): AsyncGenerator<FenceEvent, void, void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await rotation.read();
    if (copy.record.state !== 'fencing') return;
    yield* waitForWriters(context, copy.record);
    const now = timestampOf(context.clock);
    // Over the copy from before the wait: whatever changed since may ask for another wait.
    if (await rotation.replace(copy, fencedRecord(copy.record, now))) return;
  }
  throw contended('Passing the fence', MOST_ATTEMPTS);
}
