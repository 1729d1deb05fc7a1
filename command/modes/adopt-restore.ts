/** Makes a DEK store that was restored from a backup safe to write to. @module */
import { resolve } from 'node:path';
import { type AdoptEvent, adoptRestoredStore, type AdoptSummary } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { commandText } from '../command-line/command-text.js';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { OpenCollection } from '../config/open-product.js';
import { driveRun } from '../driving/drive-run.js';
import type { Finding, NextStep } from '../report/mode-report.js';
import { askBefore, documentsText, rowsText } from './asking.js';
import { chosenCollections } from './collection-runs.js';
import { plural } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { readNamedFile } from './named-file.js';
import { defined, optionalMek, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';
import { tapped } from './tapped.js';

export const resultSchema = runsSchema.extend({
  /** DEKs that documents name and that have no live row: the first 10 000 that were found. */
  missingDeks: z.array(z.string()),
});

const MOST_LISTED = 10_000;
const MOST_IN_COMMAND = 20;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const shredAgain = shreddedIds(context);
  const target = optionalMek(context, 'new-mek-version');
  const collections =
    flags['check-documents'] || flags.collection ? await chosenCollections(context) : [];
  const encryption = await (await context.product()).encryption();
  await askBefore(context, async () => ({
    message: await questionText(context, {
      rows: await rowsText(encryption, context),
      collections,
      shredAgain,
    }),
  }));
  const documents = collections.map(({ definition, documentStore }) => ({
    definition,
    documentStore,
  }));
  const events = adoptRestoredStore(encryption, {
    ...runOptionsOf(context),
    documents,
    ...defined({
      target,
      epochSeen: flags['epoch-seen'],
      shredAgain,
    }),
  });
  const missing = new MissingDeks(context);
  const label = 'adopt-restore';
  const driven = await driveRun(context, label, tapped(events, missing.look));
  const outcome = runsOutcome(context, [{ label, run: driven }]);
  const result = { ...(outcome.result as object), missingDeks: missing.dekIds };
  return driven.summary
    ? adopted(context, { ...outcome, result }, driven.summary, missing)
    : { ...outcome, result };
}

interface Adoption {
  readonly rows: string;
  readonly collections: readonly OpenCollection[];
  readonly shredAgain: readonly string[] | undefined;
}

async function questionText(
  context: ModeContext,
  { rows, collections, shredAgain }: Adoption,
): Promise<string> {
  const documents =
    collections.length > 0 ? `, after it read ${await documentsText(collections, context)}` : '';
  const shredded = shredAgain
    ? ` It shreds what ${plural(shredAgain.length, 'listed id')} name${shredAgain.length === 1 ? 's' : ''}.`
    : '';
  return `This raises the epoch of the rotation record above that of ${rows}${documents}.${shredded} Every writer has to be stopped.`;
}

const DEK_OR_SCOPE = /^[0-9a-f]{32}(\.[1-9][0-9]{0,15})?$/;

/** One id in a line; an empty file is a mistake. */
function shreddedIds({ flags, folder }: ModeContext): readonly string[] | undefined {
  const file = flags['shred-again'];
  if (file === undefined) return undefined;
  const path = resolve(folder, file);
  const text = readNamedFile({ path, file, flag: 'shred-again' }).toString();
  const lines = text.split('\n').map((line) => line.trim());
  const wrong = lines.findIndex((line) => line !== '' && !DEK_OR_SCOPE.test(line));
  if (wrong >= 0) {
    throw new UsageError(
      `--shred-again: line ${String(wrong + 1)} of ${file} is no dekId and no scopeId`,
    );
  }
  const ids = lines.filter((line) => line !== '');
  if (ids.length > 0) return ids;
  throw new UsageError(`--shred-again: the file ${file} names no id: leave the flag out`);
}

/** DEKs without a live row, and documents that are newer than their row. */
class MissingDeks {
  readonly dekIds: string[] = [];
  readonly #context: ModeContext;

  constructor(context: ModeContext) {
    this.#context = context;
  }

  readonly look = (event: AdoptEvent): void => {
    if (event.type !== 'skipped' || !('key' in event)) return;
    const { collection, key, reason, dekIds } = event;
    const { output, documentKeys } = this.#context;
    const who = documentKeys
      ? `${collection} ${JSON.stringify(key)}`
      : `a document of ${collection}`;
    output.note(`${reason} ${dekIds.join(', ')}: ${who}`);
    if (reason !== 'dek-missing') return;
    for (const dekId of dekIds) if (this.dekIds.length < MOST_LISTED) this.dekIds.push(dekId);
  };
}

async function adopted(
  context: ModeContext,
  outcome: ModeOutcome,
  summary: AdoptSummary,
  missing: MissingDeks,
): Promise<ModeOutcome> {
  const { epoch, generationFloor, target, documents, documentsWithoutDek } = summary;
  const facts = {
    epoch,
    'generation floor': generationFloor,
    target: target.mekVersion,
    documents,
    'without DEK': documentsWithoutDek,
    'newer than their row': summary.documentsNewerThanRow,
  };
  const isLossy = outcome.exitCode === EXIT.done && documentsWithoutDek > 0;
  return {
    ...outcome,
    exitCode: isLossy ? EXIT.findings : outcome.exitCode,
    views: [...(outcome.views ?? []), { title: 'The rotation record', facts }],
    findings: findingsOf(context, summary),
    next: [
      ...(summary.dryRun ? [] : (outcome.next ?? [])),
      ...(await nextOf(context, summary, missing)),
    ],
  };
}

function findingsOf(
  { flags }: ModeContext,
  { documentsWithoutDek, documentsNewerThanRow }: AdoptSummary,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (!flags['check-documents'] && !flags.collection) {
    const message = 'No document was read: rows that the backup does not have are not known';
    const action = 'Run it with --check-documents';
    findings.push({ level: 'unseen', check: 'documents', message, action });
  }
  if (documentsWithoutDek > 0) {
    const message = `DEKs without a row: those of ${plural(documentsWithoutDek, 'document')}`;
    const action = 'Import the rows from another copy of the store, or the documents are lost';
    findings.push({ level: 'fail', check: 'dek-missing', message, action });
  }
  if (documentsNewerThanRow > 0) {
    const message = `Sealed after the backup of the row: ${plural(documentsNewerThanRow, 'document')}`;
    const action = 'They open while the MEK version of the row exists: do not disable it';
    findings.push({ level: 'warn', check: 'row-older', message, action });
  }
  return findings;
}

async function nextOf(
  context: ModeContext,
  { target, epoch, dryRun, complete }: AdoptSummary,
  { dekIds }: MissingDeks,
): Promise<readonly NextStep[]> {
  const { raw } = context;
  const { config, product } = raw;
  const same = {
    ...(config !== undefined && { config }),
    ...(product !== undefined && { product }),
  };
  const { copies } = await context.product();
  const [copy] = copies;
  const steps: NextStep[] = [];
  if (copy !== undefined && dekIds.length > 0 && dekIds.length <= MOST_IN_COMMAND) {
    const flags = { ...same, from: copy, 'dek-id': dekIds, 'dry-run': true };
    steps.push({ why: 'To look for the missing rows', command: commandText('import-rows', flags) });
  }
  if (!dryRun && !complete) return steps;
  if (dryRun) {
    const command = commandText(context.mode, { ...raw, 'dry-run': false });
    return [...steps, { why: 'To do it', command }];
  }
  const flags = {
    ...same,
    ...(raw['key-provider'] !== undefined && { 'key-provider': raw['key-provider'] }),
    'new-mek-version': target.mekVersion,
  };
  const why = `To finish the rotation, after the writers were started; then pin minimumEpoch ${String(epoch)}`;
  return [...steps, { why, command: commandText('rewrap-deks', flags) }];
}
