/** Rotates the MEK. @module */
import { rewrapAllDeks, takeCensus } from '@bytelyst/field-encrypt';
import { commandText } from '../command-line/command-text.js';
import { EXIT } from '../command-line/exit-codes.js';
import { driveRun } from '../driving/drive-run.js';
import type { NextStep } from '../report/mode-report.js';
import { askBefore, rowsText } from './asking.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { defined, namedMek, required, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';

export const resultSchema = runsSchema;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const product = await context.product();
  const encryption = await product.encryption();
  const target = namedMek(context, required(flags['new-mek-version']));
  // A plain rotation loses nothing, and pipelines start it; these two go past what would refuse it.
  if (flags['take-over'] || flags['lost-mek']) {
    await askBefore(context, async () => ({
      message: `This brings ${await rowsText(encryption, context)} under the MEK version ${target.mekVersion}, although ${flags['lost-mek'] ? 'rows under lost MEK versions will fail' : 'a rotation to another version may be unfinished'}.`,
    }));
  }
  const events = rewrapAllDeks(encryption, {
    ...runOptionsOf(context),
    target,
    ...defined({
      sourceVersion: flags['old-mek-version'],
      verify: flags['verify-wraps'],
      takeOver: flags['take-over'],
      shard: flags.shard,
      withoutOpening: flags['lost-mek'],
      allowUnknown: flags['allow-unknown'],
    }),
  });
  const label = 'rewrap-deks';
  const driven = await driveRun(context, label, events);
  const outcome = runsOutcome(context, [{ label, run: driven }]);
  const { summary } = driven;
  if (!summary || summary.failed > 0 || flags['old-mek-version'] === undefined) return outcome;
  const left = await versionsLeft(context, summary.target.mekVersion);
  if (left.length === 0) return outcome;
  const rows = left.reduce((sum, each) => sum + each.rows, 0);
  context.output.note(
    `${String(rows)} rows are under other MEK versions: ${left.map(({ mekVersion }) => mekVersion).join(', ')}`,
  );
  return { ...outcome, exitCode: EXIT.findings, next: left.map((each) => nextOf(context, each)) };
}

interface VersionLeft {
  readonly mekVersion: string;
  readonly rows: number;
}

/** Versions of live rows, other than the target and, in a dry run, the one that would be taken. */
async function versionsLeft(context: ModeContext, target: string): Promise<readonly VersionLeft[]> {
  const { signal, flags } = context;
  const product = await context.product();
  const { wraps } = await takeCensus(await product.search(), { signal });
  return wraps
    .map(({ mekVersion, active, retired }) => ({ mekVersion, rows: active + retired }))
    .filter(({ mekVersion, rows }) => mekVersion !== target && rows > 0)
    .filter(({ mekVersion }) => !(flags['dry-run'] && mekVersion === flags['old-mek-version']));
}

function nextOf({ mode, raw }: ModeContext, { mekVersion, rows }: VersionLeft): NextStep {
  return {
    why: `To take the ${String(rows)} rows under ${mekVersion}`,
    command: commandText(mode, { ...raw, 'old-mek-version': mekVersion }),
  };
}
