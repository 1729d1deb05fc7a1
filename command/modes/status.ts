/** Shows the state of a product, what is unfinished, and the commands that finish it. @module */
import { type Census, readRecords, type ProductRecords } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { censusSchema, rotationSchema } from '../report/census-schema.js';
import type { View } from '../report/view.js';
import {
  compareChosen,
  definitionSchema,
  definitionsView,
} from './inspecting/definition-records.js';
import { chosenNames, exitCodeOfFindings } from './inspecting/findings.js';
import {
  leaseFindings,
  leaseSchema,
  leasesView,
  reencryptionSchema,
  reportedLeases,
  reportedReencryptions,
} from './inspecting/leases.js';
import { countCollections, plaintextSchema, plaintextView } from './inspecting/plaintext.js';
import {
  censusBeside,
  censusViews,
  reportedRotation,
  rotationView,
  rowFindings,
} from './inspecting/rows.js';
import type { ModeContext, ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({
  /** Absent where there is none, or it cannot be read. */
  rotation: rotationSchema.optional(),
  /** Absent where the rotation record cannot be read. */
  census: censusSchema.optional(),
  /** Collections that could be read. */
  plaintext: z.array(plaintextSchema),
  definitions: z.array(definitionSchema),
  leases: z.array(leaseSchema),
  reencryptions: z.array(reencryptionSchema),
});

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { signal, clock } = context;
  const product = await context.product();
  const names = await chosenNames(context, product);
  const search = await product.search();
  const records = await readRecords(search, { signal });
  const census = await censusBeside(context, product, records);
  const plaintext = await countCollections(context, product, names);
  const definitions = await compareChosen(context, product, { names, records });
  const leases = reportedLeases(records, clock.wallMs());
  const reencryptions = reportedReencryptions(records, leases);
  const findings = [
    ...rowFindings(context, { records, census }),
    ...leaseFindings(context, leases, reencryptions),
    ...plaintext.findings,
    ...definitions.findings,
  ];
  const result = {
    ...(records.rotation && { rotation: reportedRotation(records.rotation) }),
    ...(census && { census }),
    plaintext: plaintext.counts,
    definitions: definitions.definitions,
    leases,
    reencryptions,
  };
  const views = [
    ...rowViews(records, census),
    plaintextView(plaintext.counts),
    definitionsView(definitions.definitions),
    leasesView(leases),
    ...(findings.length === 0 ? [{ text: 'Nothing is unfinished.' }] : []),
  ].filter((view) => view !== undefined);
  return { exitCode: exitCodeOfFindings(findings), result, views, findings };
}

function rowViews({ rotation }: ProductRecords, census: Census | undefined): readonly View[] {
  return [rotationView(rotation), ...(census ? censusViews(census) : [])];
}
