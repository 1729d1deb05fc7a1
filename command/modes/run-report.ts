/** What every mode that runs through rows or documents reports. @module */
import type { RunSummary } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { commandText } from '../command-line/command-text.js';
import { formatDuration } from '../command-line/durations.js';
import { EXIT, type ExitCode } from '../command-line/exit-codes.js';
import type { DrivenRun } from '../driving/drive-run.js';
import type { NextStep } from '../report/mode-report.js';
import type { View } from '../report/view.js';
import type { ModeContext, ModeOutcome } from './mode.js';

const count = z.number().int().min(0);

/** Counts of one pass, as in events. */
const countsSchema = z.looseObject({
  scanned: count,
  changed: count,
  unchanged: count,
  skipped: count,
  failed: count,
  wouldChange: count,
});

/** The summary of the library: properties that one run alone has come on top. */
export const summarySchema = countsSchema.extend({
  run: z.string(),
  product: z.string(),
  dryRun: z.boolean(),
  complete: z.boolean(),
  passes: count,
  durationMs: z.number(),
  /** Of key services; absent where all MEKs are in this process. */
  vaultOps: count.optional(),
  throttled: count.optional(),
  requestCharge: z.number().optional(),
});

/** One entry for each run: of one collection, or of the rows. */
export const runsSchema = z.looseObject({
  runs: z.array(
    z.strictObject({
      label: z.string(),
      /** The run was stopped: `counts` are of the scan that was stopped. */
      interrupted: z.boolean(),
      summary: summarySchema.optional(),
      counts: countsSchema.optional(),
    }),
  ),
});

export interface LabelledRun {
  readonly label: string;
  readonly run: DrivenRun<RunSummary>;
}

/** The outcome of a mode whose runs are over, or were stopped. */
export function runsOutcome(context: ModeContext, runs: readonly LabelledRun[]): ModeOutcome {
  return {
    exitCode: exitCodeOfRuns(runs),
    result: {
      runs: runs.map(({ label, run: { summary, counts, wasInterrupted } }) => ({
        label,
        interrupted: wasInterrupted,
        ...(summary && { summary }),
        ...(!summary && counts && { counts }),
      })),
    },
    views: runs.map(viewOf),
    next: nextOf(context, runs),
  };
}

function exitCodeOfRuns(runs: readonly LabelledRun[]): ExitCode {
  if (runs.some(({ run }) => run.wasInterrupted)) return EXIT.interrupted;
  const summaries = runs.flatMap(({ run }) => run.summary ?? []);
  const isDone = summaries.every(({ complete, dryRun, failed }) =>
    dryRun ? failed === 0 : complete,
  );
  return isDone ? EXIT.done : EXIT.failed;
}

function viewOf({ label, run: { summary, counts, wasInterrupted } }: LabelledRun): View {
  const state = wasInterrupted ? 'interrupted' : stateOf(summary);
  const shown = summary ?? counts;
  return {
    title: `${label}: ${state}`,
    facts: {
      scanned: shown?.scanned,
      changed: shown?.changed,
      ...(summary?.dryRun && { 'would change': summary.wouldChange }),
      unchanged: shown?.unchanged,
      skipped: shown?.skipped,
      failed: shown?.failed,
      ...(summary && {
        passes: summary.passes,
        took: formatDuration(summary.durationMs),
        'vault operations': summary.vaultOps,
        throttled: summary.throttled,
        'request units': summary.requestCharge,
        ...estimateOf(summary),
      }),
    },
  };
}

function stateOf(summary: RunSummary | undefined): string {
  if (summary?.dryRun) return 'dry run, nothing was written';
  return summary?.complete ? 'complete' : 'not complete';
}

interface Estimated {
  readonly estimate?: {
    readonly vaultOps: number;
    readonly leastMs?: number;
  };
}

function estimateOf(summary: RunSummary): Readonly<Record<string, number | string | undefined>> {
  const { estimate } = summary as Estimated;
  if (!estimate) return {};
  const { vaultOps, leastMs } = estimate;
  return {
    'vault operations it would take': vaultOps,
    'least time it would take': leastMs === undefined ? undefined : formatDuration(leastMs),
  };
}

function nextOf({ mode, resumeFlags }: ModeContext, runs: readonly LabelledRun[]): NextStep[] {
  if (runs.some(({ run }) => run.wasInterrupted)) {
    return [{ why: 'To resume', command: commandText(mode, resumeFlags) }];
  }
  const summaries = runs.flatMap(({ run }) => run.summary ?? []);
  if (summaries.some(({ dryRun, complete }) => !dryRun && !complete)) {
    return [{ why: 'To try again what is left', command: commandText(mode, resumeFlags) }];
  }
  if (!summaries.some(({ dryRun, wouldChange }) => dryRun && wouldChange > 0)) return [];
  return [{ why: 'To do it', command: commandText(mode, { ...resumeFlags, 'dry-run': false }) }];
}
