/** Compares the recorded definitions with those of the configuration, and brings the record up to date. @module */
import { forgetPaths, readRecords, registerDefinitions } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { OpenProduct } from '../config/open-product.js';
import { driveRun } from '../driving/drive-run.js';
import {
  compareChosen,
  type ComparedDefinitions,
  definitionSchema,
  definitionsView,
  type ReportedDefinition,
} from './inspecting/definition-records.js';
import { chosenNames, exitCodeOfFindings } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { runOptionsOf } from './run-flags.js';
import { type LabelledRun, runsOutcome, runsSchema } from './run-report.js';

export const resultSchema = z.strictObject({
  /** As they are in the end. */
  definitions: z.array(definitionSchema),
  /** With --register: what was recorded, or in a dry run would be. */
  registered: z
    .array(z.strictObject({ collection: z.string(), paths: z.array(z.string()) }))
    .optional(),
  /** With --forget: one run for each collection that has paths to forget. */
  runs: runsSchema.shape.runs.optional(),
});

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { register, forget } = context.flags;
  if (register && forget) throw new UsageError('--register and --forget are both passed: keep one');
  const product = await context.product();
  if (product.collections.length === 0) {
    throw new UsageError(
      'The configuration has no collections of this product: there is nothing to compare',
    );
  }
  const compared = await compare(context, product);
  if (register) return registerAll(context, product, compared);
  if (forget) return forgetAll(context, product, compared);
  return outcomeOf(compared, {});
}

/** @throws FieldEncryptionError `PRODUCT_EMPTY`: nothing is made for a product that was misspelt. */
async function compare(context: ModeContext, product: OpenProduct): Promise<ComparedDefinitions> {
  const { signal, flags } = context;
  const allowEmpty = flags['allow-empty'] ?? false;
  const records = await readRecords(await product.search(), { signal, allowEmpty });
  const names = await chosenNames(context, product);
  return compareChosen(context, product, { names, records });
}

type Done = Omit<z.output<typeof resultSchema>, 'definitions'>;

function outcomeOf({ definitions, findings }: ComparedDefinitions, done: Done): ModeOutcome {
  const view = definitionsView(definitions);
  return {
    exitCode: exitCodeOfFindings(findings),
    result: { definitions, ...done },
    views: view ? [view] : [],
    findings,
  };
}

async function registerAll(
  context: ModeContext,
  product: OpenProduct,
  compared: ComparedDefinitions,
): Promise<ModeOutcome> {
  const { signal, flags, output } = context;
  const unrecorded = compared.definitions.filter((each) => each.unrecorded.length > 0);
  const registered = unrecorded.map(({ collection, unrecorded: paths }) => ({ collection, paths }));
  const isRefused = exitCodeOfFindings(compared.findings) !== EXIT.done;
  if (unrecorded.length === 0 || flags['dry-run'] || isRefused) {
    if (unrecorded.length === 0) output.note('Every path is recorded already.');
    return outcomeOf(compared, { registered: isRefused ? [] : registered });
  }
  await context.confirm({
    message: `This records ${placesOf(unrecorded, 'unrecorded')}. From then on, processes that do not declare these paths do not start.`,
  });
  const names = unrecorded.map(({ collection }) => collection);
  const declared = product.definitions().filter(({ collection }) => names.includes(collection));
  context.hasBegun = true;
  await registerDefinitions(await product.encryption(), declared, { signal });
  return outcomeOf(await compare(context, product), { registered });
}

async function forgetAll(
  context: ModeContext,
  product: OpenProduct,
  compared: ComparedDefinitions,
): Promise<ModeOutcome> {
  const { flags, output } = context;
  const forgettable = compared.definitions.filter((each) => each.forgettable.length > 0);
  if (forgettable.length === 0) {
    output.note('Every recorded path is still sealed by this configuration, or not declared.');
    return outcomeOf(compared, { runs: [] });
  }
  if (!flags['dry-run']) {
    await context.confirm({
      message: `This forgets ${placesOf(forgettable, 'forgettable')}, where nothing is stored sealed under them. No process may seal them any more.`,
    });
  }
  const runs: LabelledRun[] = [];
  for (const { collection } of forgettable) {
    runs.push(await forgetOne(context, product, collection));
    if (runs.at(-1)?.run.wasInterrupted) break;
  }
  const { result, ...outcome } = runsOutcome(context, runs);
  const after = runs.at(-1)?.run.wasInterrupted ? compared : await compare(context, product);
  return { ...outcome, result: { definitions: after.definitions, ...(result as Done) } };
}

async function forgetOne(
  context: ModeContext,
  product: OpenProduct,
  collection: string,
): Promise<LabelledRun> {
  const { definition, documentStore } = await product.collection(collection);
  const encryption = await product.encryption();
  const events = forgetPaths(encryption, definition, documentStore, runOptionsOf(context));
  const label = `forget paths of ${collection}`;
  return { label, run: await driveRun(context, label, events) };
}

function placesOf(
  definitions: readonly ReportedDefinition[],
  which: 'forgettable' | 'unrecorded',
): string {
  return definitions
    .map((each) => `the paths ${each[which].join(', ')} of "${each.collection}"`)
    .join(' and ');
}
