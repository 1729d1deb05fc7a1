/** A rotation from its beginning to its end. @module */
import { timestampOf } from '../clock.js';
import { contended } from '../errors.js';
import { passFence } from './fence.js';
import { PassStages } from './pass-stages.js';
import type { RecordReader } from './record-reader.js';
import { completedRecord } from './record-transitions.js';
import type { RewrapEvent, RewrapSummary } from './rewrap-event.js';
import type { RewrapRequest } from './rewrap-options.js';
import { rewrapPass } from './rewrap-pass.js';
import { RewrapTally } from './rewrap-tally.js';
import { beginRotation } from './rotation-beginning.js';
import type { RotationContext } from './rotation-context.js';
import type { Rotation } from './rotation.js';
import { RowRewrapper } from './row-rewrapper.js';

const MOST_PASSES = 100;
const MOST_ATTEMPTS = 8;

export async function* runRewrap(
  context: RotationContext,
  records: RecordReader,
  request: RewrapRequest,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  const { rotation, joined } = await beginRotation(context, records, request.takeOver);
  const { epoch, target } = rotation;
  const { shard } = request;
  yield { type: 'begun', epoch, target, joined, ...(shard && { shard }) };
  yield* passFence(rotation, context);
  const tally = yield* rewrapUntilClean(context, rotation, request);
  context.signal?.throwIfAborted();
  if (tally.isClean) await complete(rotation, context);
  return tally.summary(context.product, rotation, false);
}

/** Scans until one finds nothing to do, and then once more. */
async function* rewrapUntilClean(
  context: RotationContext,
  rotation: Rotation,
  request: RewrapRequest,
): AsyncGenerator<RewrapEvent, RewrapTally, void> {
  const rewrapper = new RowRewrapper(context, rotation, request);
  const tally = new RewrapTally(request.shard);
  const stages = new PassStages(request.shard);
  for (let pass = 1; pass <= MOST_PASSES; pass += 1) {
    const stage = stages.current;
    const counter = yield* rewrapPass(context, {
      pass,
      purpose: stages.purpose,
      shard: stage.shard,
      inOrder: stage.inOrder,
      concurrency: request.concurrency,
      afterPage: () => rotation.read(),
      settle: (item) => rewrapper.settle(item, stage),
    });
    tally.add(counter);
    if (stages.isOverAfter(counter)) return tally;
  }
  throw contended(`A scan without a change, of product ${context.product},`, MOST_PASSES);
}

async function complete(rotation: Rotation, { clock }: RotationContext): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await rotation.read();
    if (copy.record.state === 'complete') return;
    const now = timestampOf(clock);
    if (await rotation.replace(copy, completedRecord(copy.record, now))) return;
  }
  throw contended('Completing the rotation', MOST_ATTEMPTS);
}
