/** Recovers the DEKs with the recovery key. @module */
import { recoverDeks } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { driveRun } from '../driving/drive-run.js';
import { askBefore, rowsText } from './asking.js';
import { LostDeks, lossFindings, lostDekSchema } from './lost-deks.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { readPrivateKey } from './private-key.js';
import { defined, namedMek, required, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';
import { tapped } from './tapped.js';

export const resultSchema = runsSchema.extend({ lost: z.array(lostDekSchema) });

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags, documentKeys } = context;
  const key = readPrivateKey(context, required(flags['private-key']));
  const opened = await context.product();
  const encryption = await opened.encryption();
  const target = namedMek(context, required(flags['new-mek-version']));
  await askBefore(context, async () => ({
    message: `This recovers ${await rowsText(encryption, context)} with the private recovery key, and brings them under the MEK version ${target.mekVersion}. Do it only where every MEK version of the rows is lost, and after a copy of the store was made.`,
    typed: opened.product,
  }));
  const lost = new LostDeks();
  const label = 'recover';
  const events = recoverDeks(encryption, {
    ...runOptionsOf(context),
    ...key,
    target,
    ...defined({ takeOver: flags['take-over'] }),
  });
  const driven = await driveRun(context, label, tapped(events, lost.look));
  const outcome = runsOutcome(context, [{ label, run: driven }]);
  return {
    ...outcome,
    result: { ...(outcome.result as object), lost: lost.list },
    views: [...(outcome.views ?? []), ...lost.view(documentKeys)],
    findings: driven.summary ? lossFindings(driven.summary) : [],
  };
}
