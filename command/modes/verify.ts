/** Proves that every DEK is on the target, and opens sample documents. @module */
import { type Census, readRecords, takeCensus } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../config/open-product.js';
import { censusSchema, mekSchema } from '../report/census-schema.js';
import type { Finding } from '../report/mode-report.js';
import {
  openSample,
  type Sample,
  sampleFinding,
  sampleSchema,
} from './inspecting/document-sample.js';
import {
  chosenNames,
  commandOn,
  errorText,
  exitCodeOfFindings,
  mekText,
  plural,
  rewrapCommand,
} from './inspecting/findings.js';
import { openEveryWrap, openedWrapsSchema } from './inspecting/open-wraps.js';
import { unread } from './inspecting/plaintext.js';
import { censusViews, rowFindings } from './inspecting/rows.js';
import type { ModeContext, ModeOutcome } from './mode.js';

const count = z.number().int().min(0);

export const resultSchema = z.strictObject({
  /** Absent where there is no rotation record. */
  target: mekSchema.optional(),
  /** Both of them, in order. */
  scans: z.array(censusSchema),
  /** By the database's own query; absent where it could not be asked. */
  rowsNotOnTarget: count.optional(),
  samples: z.array(sampleSchema),
  /** With --open-wraps. */
  wraps: openedWrapsSchema.optional(),
});

const DEFAULT_SAMPLE = 20;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { signal, flags } = context;
  const product = await context.product();
  const names = await chosenNames(context, product);
  const search = await product.search();
  const records = await readRecords(search, { signal });
  const scans = await scanTwice(context, product);
  const target = scans[1].rotation;
  const raw = target && (await rawCount(context, product, target.mekVersion));
  const wraps = flags['open-wraps']
    ? await openEveryWrap(context, await product.encryption())
    : undefined;
  const sampled = await sampleAll(context, product, names);
  const findings = [
    ...targetFindings(context, scans[1]),
    ...scans
      .flatMap((census) => rowFindings(context, { records, census }))
      .filter(isFirst)
      .map(asRefusal),
    ...scanFinding(scans),
    ...(raw ? [raw.finding] : []),
    ...(wraps ? [wraps.finding] : []),
    ...sampled.findings,
  ];
  const result = {
    ...(target && { target: { ...pickMek(target) } }),
    scans,
    ...(raw?.rows !== undefined && { rowsNotOnTarget: raw.rows }),
    samples: sampled.samples,
    ...(wraps?.counts && { wraps: wraps.counts }),
  };
  return { exitCode: exitCodeOfFindings(findings), result, views: censusViews(scans[1]), findings };
}

function pickMek({ keyProvider, mekName: name, mekVersion }: z.output<typeof mekSchema>) {
  return { keyProvider, mekName: name, mekVersion };
}

/** Both scans may find the same. */
function isFirst({ message }: Finding, index: number, all: readonly Finding[]): boolean {
  return all.findIndex((each) => each.message === message) === index;
}

/** What is unfinished is not proven. */
function asRefusal(finding: Finding): Finding {
  return { ...finding, level: 'fail' };
}

/** The second begins when every write that the first may have missed can be seen. */
async function scanTwice(
  { signal, clock }: ModeContext,
  product: OpenProduct,
): Promise<readonly [Census, Census]> {
  const search = await product.search();
  const first = await takeCensus(search, { signal });
  const lagMs = (await search.dekStore.readLagMs?.({ signal })) ?? 0;
  if (lagMs > 0) await clock.sleep(lagMs, signal);
  return [first, await takeCensus(search, { signal })];
}

function scanFinding([first, second]: readonly [Census, Census]): readonly Finding[] {
  const { rotation, active, retired } = second;
  if (!rotation || !first.settled || !second.settled) return [];
  const message = `Two scans found ${plural(active + retired, 'live row')}, all on ${mekText(rotation)} at epoch ${String(rotation.epoch)}`;
  return [{ level: 'ok', check: 'scans', message }];
}

/** The target of the record is the one that the operator means. */
function targetFindings(context: ModeContext, { rotation }: Census): readonly Finding[] {
  const { 'new-mek-version': version, 'key-provider': provider } = context.flags;
  if (!rotation) return [];
  const isMeant =
    (version === undefined || version === rotation.mekVersion) &&
    (provider?.keyProvider ?? rotation.keyProvider) === rotation.keyProvider &&
    (provider?.mekName ?? rotation.mekName) === rotation.mekName;
  if (isMeant) return [];
  const named = [context.raw['key-provider'], version];
  const meant = named.filter((part) => part !== undefined).join('/');
  return [
    {
      level: 'fail',
      check: 'target',
      message: `The target of the rotation record is ${mekText(rotation)}, not ${meant}`,
      command: rewrapCommand(context, {
        ...rotation,
        ...(version !== undefined && { mekVersion: version }),
        ...provider,
      }),
    },
  ];
}

interface RawCount {
  readonly rows?: number;
  readonly finding: Finding;
}

async function rawCount(
  context: ModeContext,
  product: OpenProduct,
  mekVersion: string,
): Promise<RawCount> {
  const check = 'raw-count';
  const database = await product.dekDatabase();
  const query = database.query(mekVersion);
  const how = query === undefined ? 'Count them in the database.' : `Run it yourself: ${query}`;
  try {
    const rows = await database.countNotOn(mekVersion, context.signal);
    if (rows === undefined) {
      const message = `The rows of ${database.describe} cannot be counted by its own query`;
      return { finding: { level: 'unseen', check, message, action: how } };
    }
    const message = `${plural(rows, 'row')} of ${database.describe} not on ${mekVersion}, by its own query`;
    if (rows === 0) return { rows, finding: { level: 'ok', check, message } };
    return { rows, finding: { level: 'fail', check, message, action: how } };
  } catch (error) {
    context.signal.throwIfAborted();
    const message = `The query on ${database.describe} failed: ${errorText(error)}`;
    return { finding: { level: 'unseen', check, message, action: how } };
  }
}

async function sampleAll(
  context: ModeContext,
  product: OpenProduct,
  names: readonly string[],
): Promise<{ readonly samples: readonly Sample[]; readonly findings: readonly Finding[] }> {
  const { sample: size = DEFAULT_SAMPLE } = context.flags;
  const samples: Sample[] = [];
  const findings: Finding[] = [];
  if (size === 0) return { samples, findings };
  if (product.collections.length === 0) findings.push(noSample(context));
  const encryptor = names.length > 0 ? await product.encryptor() : undefined;
  for (const name of encryptor ? names : []) {
    const collection = await product.collection(name).catch((error: unknown) => {
      findings.push(unread(name, error));
      return undefined;
    });
    if (!collection || !encryptor) continue;
    const sample = await openSample(context, encryptor, collection, size);
    samples.push(sample);
    findings.push(sampleFinding(context, sample));
  }
  return { samples, findings };
}

function noSample(context: ModeContext): Finding {
  return {
    level: 'unseen',
    check: 'sample',
    message: 'The configuration has no collections of this product: no document was opened',
    action: 'Add "collections" to the product, or pass --sample 0:',
    command: commandOn(context, 'verify', { ...context.raw, sample: '0' }),
  };
}
