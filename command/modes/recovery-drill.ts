/** Rehearses the recovery on a copy of the store. @module */
import { randomBytes } from 'node:crypto';
import {
  createFieldEncryptor,
  type EncryptionContext,
  EnvKeyProvider,
  recoverDeks,
  type RecoverySummary,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { formatDuration } from '../command-line/durations.js';
import { EXIT } from '../command-line/exit-codes.js';
import type { OpenCollection, OpenCopy, OpenProduct } from '../config/open-product.js';
import { driveRun } from '../driving/drive-run.js';
import type { Finding } from '../report/mode-report.js';
import { askBefore, rowsText } from './asking.js';
import { LostDeks, lossFindings, lostDekSchema } from './lost-deks.js';
import { plural } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { readPrivateKey } from './private-key.js';
import { required, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';
import { openSamples, type Samples, samplesSchema } from './sample-documents.js';
import { tapped } from './tapped.js';

export const resultSchema = runsSchema.extend({
  copy: z.string(),
  lost: z.array(lostDekSchema),
  /** Of whose documents the samples are; absent in a dry run. */
  samplesFrom: z.enum(['copy', 'live']).optional(),
  samples: z.array(samplesSchema),
});

const MEK_BYTES = 32;
const DRILL = 'drill';

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags, documentKeys } = context;
  const key = readPrivateKey(context, required(flags['private-key']));
  const opened = await context.product();
  const copy = await opened.copy(required(flags.copy));
  const encryption = drillEncryption(context, opened, copy);
  await askBefore(context, async () => ({
    message: `This recovers ${await rowsText(encryption, context)} in the copy ${copy.name}, ${copy.describe}, under a MEK that is thrown away in the end. Afterwards the recovery key alone opens the rows of the copy.`,
  }));
  const lost = new LostDeks();
  const [provider] = encryption.keyProviders;
  const events = recoverDeks(encryption, {
    ...runOptionsOf(context),
    ...key,
    target: { mekVersion: (await provider?.currentVersion()) ?? '' },
    // Whatever rotation of the copy is unfinished, the drill comes after it.
    takeOver: true,
  });
  const label = 'recovery-drill';
  const driven = await driveRun(context, label, tapped(events, lost.look));
  const outcome = runsOutcome(context, [{ label, run: driven }]);
  const views = [...(outcome.views ?? []), ...lost.view(documentKeys)];
  const result = { ...(outcome.result as object), copy: copy.name, lost: lost.list };
  const { summary } = driven;
  if (!summary || flags['dry-run']) {
    const findings = summary ? lossFindings(summary) : [];
    return { ...outcome, result: { ...result, samples: [] }, views, findings };
  }
  const sampled = await sampledFrom(context, { encryption, copy, opened });
  return withSamples({ ...outcome, result, views }, summary, sampled);
}

/** The MEK is in this process alone, and ends with it. */
function drillEncryption(
  { clock }: ModeContext,
  { product }: OpenProduct,
  { dekStore }: OpenCopy,
): EncryptionContext {
  const key = randomBytes(MEK_BYTES).toString('base64');
  return { product, dekStore, clock, keyProviders: [new EnvKeyProvider({ id: DRILL, key })] };
}

interface Drill {
  readonly encryption: EncryptionContext;
  readonly copy: OpenCopy;
  readonly opened: OpenProduct;
}

interface Sampled {
  readonly samplesFrom: 'copy' | 'live';
  readonly samples: readonly Samples[];
}

async function sampledFrom(
  context: ModeContext,
  { encryption, copy, opened }: Drill,
): Promise<Sampled> {
  const samplesFrom = copy.collections.size > 0 ? 'copy' : 'live';
  const collections: readonly OpenCollection[] =
    samplesFrom === 'copy'
      ? [...copy.collections.values()]
      : await Promise.all(opened.collections.map((name) => opened.collection(name)));
  const encryptor = createFieldEncryptor({ ...encryption, mode: 'migrate' });
  const samples: Samples[] = [];
  for (const collection of collections) {
    samples.push(await openSamples(context, encryptor, collection));
  }
  return { samplesFrom, samples };
}

function withSamples(
  { exitCode, result, views = [], next = [] }: ModeOutcome,
  summary: RecoverySummary,
  { samplesFrom, samples }: Sampled,
): ModeOutcome {
  const hasFailed = samples.some(
    ({ failed, withoutDek }) => failed > 0 || (samplesFrom === 'copy' && withoutDek > 0),
  );
  return {
    exitCode: hasFailed ? EXIT.failed : exitCode,
    result: { ...(result as object), samplesFrom, samples },
    views: [
      ...views,
      ...(samples.length > 0 ? [{ title: 'Sample documents', rows: samples }] : []),
      { text: drillText(summary, samples) },
    ],
    findings: [...lossFindings(summary), ...sampleFindings(samples, samplesFrom)],
    next,
    audit: {
      what: 'drill.finished',
      facts: {
        passed: summary.complete && summary.lost === 0 && !hasFailed,
        recovered: summary.recovered,
        lost: summary.lost,
        durationMs: summary.durationMs,
        documentsOpened: sum(samples, 'opened'),
        documentsFailed: sum(samples, 'failed'),
      },
    },
  };
}

function drillText({ recovered, lost, durationMs }: RecoverySummary, samples: readonly Samples[]) {
  const opened = sum(samples, 'opened');
  return [
    `Recovered ${String(recovered)} DEKs in ${formatDuration(durationMs)}, lost ${String(lost)}, opened ${String(opened)} sample documents.`,
    'The MEK of the drill is gone: the recovery key alone opens the rows of the copy now. Remove the copy.',
  ].join('\n');
}

function sum(samples: readonly Samples[], name: 'failed' | 'opened'): number {
  return samples.reduce((all, each) => all + each[name], 0);
}

function sampleFindings(
  samples: readonly Samples[],
  samplesFrom: Sampled['samplesFrom'],
): readonly Finding[] {
  if (samples.length === 0) {
    const message = 'No document was opened: the configuration names no collection';
    return [{ level: 'unseen', check: 'samples', message, action: 'Add "collections"' }];
  }
  return samples.flatMap(({ collection, withoutDek }) => {
    if (withoutDek === 0 || samplesFrom === 'copy') return [];
    const verb = withoutDek === 1 ? 'has' : 'have';
    const message = `${plural(withoutDek, 'sample document')} of ${collection} ${verb} a DEK that is not in the copy`;
    const action =
      'Their DEKs were made after the copy, or the copy is not whole: compare the times';
    return [{ level: 'warn' as const, check: 'samples', message, action }];
  });
}
