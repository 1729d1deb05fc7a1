/** Brings every record under the current record key. @module */
import { resealRecords } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import { driveRun } from '../driving/drive-run.js';
import { askBefore, rowsText } from './asking.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const opened = await context.product();
  const encryption = await opened.encryption();
  if (!('recordKeyId' in encryption.dekStore)) {
    throw new UsageError(
      `The configuration of ${opened.product} has no "recordKey": add the variable with the record key`,
    );
  }
  await askBefore(context, async () => ({
    message: `This gives ${await rowsText(encryption, context)}, and its other records, a mac under the current record key. Processes without that key can then read none of them.`,
  }));
  const label = 'reseal';
  const events = resealRecords(encryption, runOptionsOf(context));
  return runsOutcome(context, [{ label, run: await driveRun(context, label, events) }]);
}
