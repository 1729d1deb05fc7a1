/** Runs that go through the documents of one collection after the other. @module */
import type { MigrationEvent, MigrationSummary } from '@bytelyst/field-encrypt';
import { commandText } from '../command-line/command-text.js';
import { EXIT, type ExitCode } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { OpenCollection } from '../config/open-product.js';
import { driveRun } from '../driving/drive-run.js';
import { exitCodeOf } from '../driving/exit-code-of.js';
import type { Finding, NextStep } from '../report/mode-report.js';
import { chosenNames } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { type LabelledRun, runsOutcome } from './run-report.js';

/** The collections of `--collection`, or all of the product. */
export async function chosenCollections(context: ModeContext): Promise<readonly OpenCollection[]> {
  const opened = await context.product();
  const names = await chosenNames(context, opened);
  if (names.length === 0) {
    throw new UsageError(
      `The configuration of ${opened.product} has no collections, and ${context.mode} works on their documents: add "collections"`,
    );
  }
  return Promise.all(names.map((name) => opened.collection(name)));
}

/** A run of the library over one collection. */
export type StartRun = (
  collection: OpenCollection,
) => AsyncGenerator<MigrationEvent, MigrationSummary, void>;

/**
 * Ends with the first collection that is stopped or refused. The command that resumes names the collections that
 * are left.
 */
export async function driveCollections(
  context: ModeContext,
  collections: readonly OpenCollection[],
  start: StartRun,
): Promise<ModeOutcome> {
  const runs: LabelledRun[] = [];
  for (const collection of collections) {
    context.hasBegun = false;
    try {
      const run = await driveRun(context, collection.name, start(collection));
      runs.push({ label: collection.name, run });
      leaveOut(context, collections, runs);
      if (run.wasInterrupted) break;
    } catch (error) {
      return refused(context, runs, error);
    }
  }
  const outcome = runsOutcome(context, runs);
  return { ...outcome, findings: neverSeen(runs) };
}

/** From here on, the command that resumes leaves out the collections that are complete. */
function leaveOut(
  context: ModeContext,
  collections: readonly OpenCollection[],
  runs: readonly LabelledRun[],
): void {
  const complete = new Set(
    runs.filter(({ run }) => run.summary?.complete).map(({ label }) => label),
  );
  const left = collections.map(({ name }) => name).filter((name) => !complete.has(name));
  // Where nothing is left, the command stays as it was.
  if (complete.size === 0 || left.length === 0) return;
  context.resumeFlags = { ...context.resumeFlags, collection: left };
}

/** An error of one collection does not hide what was done to the others. */
function refused(context: ModeContext, runs: readonly LabelledRun[], error: unknown): ModeOutcome {
  if (runs.length === 0) throw error;
  const outcome = runsOutcome(context, runs);
  return {
    ...outcome,
    exitCode: codeOf(context, error, outcome.exitCode),
    findings: neverSeen(runs),
    next: [resumeStep(context)],
    error,
  };
}

function codeOf(
  { signal, hasBegun }: ModeContext,
  error: unknown,
  codeOfOthers: ExitCode,
): ExitCode {
  if (signal.aborted) return EXIT.interrupted;
  const code = exitCodeOf(error, hasBegun);
  return code === EXIT.findings && codeOfOthers === EXIT.failed ? EXIT.failed : code;
}

function resumeStep({ mode, resumeFlags }: ModeContext): NextStep {
  return { why: 'To resume', command: commandText(mode, resumeFlags) };
}

function neverSeen(runs: readonly LabelledRun[]): readonly Finding[] {
  return runs.flatMap(({ label, run }) => {
    const { neverSeen: paths = [] } = (run.summary ?? {}) as Partial<MigrationSummary>;
    if (paths.length === 0) return [];
    return {
      level: 'warn' as const,
      check: 'paths-never-seen',
      message: `No document of ${label} has ${paths.join(', ')}`,
      action: 'Where such a path is misspelt, what it should encrypt stays in clear: check it',
    };
  });
}
