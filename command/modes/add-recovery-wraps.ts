/** Gives every DEK a wrap for the recovery key. @module */
import { addRecoveryWraps } from '@bytelyst/field-encrypt';
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
  if (encryption.recoveryKey === undefined) {
    throw new UsageError(
      `The configuration of ${opened.product} has no "recoveryKey": add the public recovery key`,
    );
  }
  await askBefore(context, async () => ({
    message: `This adds a wrap for the recovery key to ${await rowsText(encryption, context)}. The holder of the private recovery key can then open every document.`,
  }));
  const label = 'add-recovery-wraps';
  const events = addRecoveryWraps(encryption, runOptionsOf(context));
  return runsOutcome(context, [{ label, run: await driveRun(context, label, events) }]);
}
