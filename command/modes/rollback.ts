/** Goes back to an earlier MEK version. @module */
import { rollbackRotation } from '@bytelyst/field-encrypt';
import { driveRun } from '../driving/drive-run.js';
import { askBefore, rowsText } from './asking.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { defined, namedMek, required, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const encryption = await (await context.product()).encryption();
  const target = namedMek(context, required(flags['to-mek-version']));
  await askBefore(context, async () => ({
    message: `This brings ${await rowsText(encryption, context)} back under the MEK version ${target.mekVersion}.`,
  }));
  const events = rollbackRotation(encryption, {
    ...runOptionsOf(context),
    target,
    ...defined({
      verify: flags['verify-wraps'],
      verifyFlips: flags['verify-flips'],
      takeOver: flags['take-over'],
      shard: flags.shard,
      allowUnknown: flags['allow-unknown'],
    }),
  });
  const label = 'rollback';
  return runsOutcome(context, [{ label, run: await driveRun(context, label, events) }]);
}
