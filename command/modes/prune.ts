/** Removes the wraps that rows keep from before their last rewrap. @module */
import { prunePreviousWraps } from '@bytelyst/field-encrypt';
import { driveRun } from '../driving/drive-run.js';
import { askBefore, rowsText } from './asking.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { resolvedMoment } from './resolved-moment.js';
import { defined, optionalMek, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const opened = await context.product();
  const rewrappedBefore = resolvedMoment(context, {
    moment: 'rewrapped-before',
    duration: 'soak',
    defaultMs: opened.retention.soakMs,
    defaultText: '"retention.soak"',
  });
  const mek = optionalMek(context, 'mek-version');
  const encryption = await opened.encryption();
  await askBefore(context, async () => ({
    message: `This removes the earlier wraps of rows that were rewrapped before ${rewrappedBefore}, from ${await rowsText(encryption, context)}. Afterwards a rollback needs the key service, and the earlier MEK version opens nothing.`,
  }));
  const events = prunePreviousWraps(encryption, {
    ...runOptionsOf(context),
    rewrappedBefore,
    ...defined({ mek, allowUnknown: flags['allow-unknown'] }),
  });
  const label = 'prune';
  return runsOutcome(context, [{ label, run: await driveRun(context, label, events) }]);
}
