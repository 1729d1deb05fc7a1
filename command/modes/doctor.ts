/** Finds what is wrong in the stores, each with the command that corrects it. It writes nothing. @module */
import { readRecords } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import type { OpenProduct } from '../config/open-product.js';
import type { Finding } from '../report/mode-report.js';
import { censusSchema } from '../report/census-schema.js';
import type { View } from '../report/view.js';
import { collectionSchema, searchCollections } from './doctor/collection-search.js';
import { unreadableFindings, unreadableRows, unreadableSchema } from './doctor/unreadable-rows.js';
import { compareAll, definitionSchema, undeclared } from './inspecting/definition-records.js';
import { chosenNames } from './inspecting/findings.js';
import {
  leaseFindings,
  leaseSchema,
  reportedLeases,
  reportedReencryptions,
} from './inspecting/leases.js';
import { countCollections, plaintextSchema } from './inspecting/plaintext.js';
import { censusBeside, rowFindings } from './inspecting/rows.js';
import type { ModeContext, ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({
  /** Absent where the rotation record cannot be read. */
  census: censusSchema.optional(),
  rows: unreadableSchema,
  /** Collections that could be read. */
  collections: z.array(collectionSchema),
  plaintext: z.array(plaintextSchema),
  definitions: z.array(definitionSchema),
  leases: z.array(leaseSchema),
});

type Result = z.input<typeof resultSchema>;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { signal, clock } = context;
  const product = await context.product();
  const names = await chosenNames(context, product);
  const search = await product.search();
  const records = await readRecords(search, { signal });
  const census = await censusBeside(context, product, records);
  const rows = await unreadableRows(context, product);
  const searched = await searchCollections(context, product, names);
  const plaintext = await countCollections(context, product, names);
  const compared = await compareAll(context, product, names);
  const others = undeclared(product, records);
  const leases = reportedLeases(records, clock.wallMs());
  const findings = [
    ...rowFindings(context, { records, census }).filter(({ check }) => check !== 'unreadable-rows'),
    ...unreadableFindings(context, rows),
    ...leaseFindings(context, leases, reportedReencryptions(records, leases)).filter(isProblem),
    ...compared.findings,
    ...(context.flags.collection === undefined ? others.findings : []),
    ...searched.findings,
    ...withoutRepeated(plaintext.findings, searched.findings),
  ];
  return {
    exitCode: findings.some(({ level }) => level !== 'unseen') ? EXIT.findings : EXIT.done,
    result: {
      ...(census && { census }),
      rows,
      collections: searched.collections,
      plaintext: plaintext.counts,
      definitions: [...compared.definitions, ...others.definitions],
      leases,
    } satisfies Record<keyof Omit<Result, 'census'>, unknown>,
    views: viewsOf(product, findings),
    findings,
  };
}

/** A migration that runs now is none. */
function isProblem({ command }: Finding): boolean {
  return command !== undefined;
}

/** A collection that cannot be read is named once. */
function withoutRepeated(
  found: readonly Finding[],
  before: readonly Finding[],
): readonly Finding[] {
  const isRepeated = ({ level, message }: Finding): boolean =>
    level === 'unseen' && before.some((each) => each.message === message);
  return found.filter((each) => !isRepeated(each));
}

function viewsOf({ product }: OpenProduct, findings: readonly Finding[]): readonly View[] {
  return findings.length > 0 ? [] : [{ text: `Nothing is wrong with ${product}.` }];
}
