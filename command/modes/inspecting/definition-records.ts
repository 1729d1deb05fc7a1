/** The definitions of the configuration beside those that are recorded. @module */
import {
  compareDefinitions,
  type DefinitionComparison,
  type ProductRecords,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import type { View } from '../../report/view.js';
import type { ModeContext } from '../mode.js';
import { commandOn, errorText, orUnread } from './findings.js';

const texts = z.array(z.string());

export const definitionSchema = z.strictObject({
  collection: z.string(),
  /** Absent where nothing is recorded. */
  recorded: z.strictObject({ key: texts, paths: texts, updatedAt: z.iso.datetime() }).optional(),
  /** Absent where the configuration does not have the collection. */
  declared: z.strictObject({ key: texts, sealed: texts, covered: texts }).optional(),
  keyDiffers: z.boolean(),
  /** Recorded, and not declared: a process with this configuration would not start. */
  uncovered: texts,
  /** Declared as sealed, and not recorded: --register adds them. */
  unrecorded: texts,
  /** Recorded, declared and no longer sealed: --forget can remove them. */
  forgettable: texts,
  problem: z.string().optional(),
});

export type ReportedDefinition = z.output<typeof definitionSchema>;

export interface ComparedDefinitions {
  readonly definitions: readonly ReportedDefinition[];
  readonly findings: readonly Finding[];
}

/** A record that cannot be read is a finding, and not the end. */
export async function compareAll(
  context: ModeContext,
  product: OpenProduct,
  names: readonly string[],
): Promise<ComparedDefinitions> {
  const search = await product.search();
  const definitions: ReportedDefinition[] = [];
  const findings: Finding[] = [];
  for (const definition of product.definitions()) {
    if (!names.includes(definition.collection)) continue;
    const look = async (): Promise<readonly Finding[]> => {
      const options = { signal: context.signal, allowEmpty: true };
      const [compared] = await compareDefinitions(search, [definition], options);
      if (!compared) return [];
      definitions.push(reported(compared));
      return findingsOf(context, compared);
    };
    const unread = (error: unknown): Finding => ({
      level: 'fail',
      check: 'definitions',
      message: `The definitions record of "${definition.collection}" cannot be read: ${errorText(error)}`,
    });
    findings.push(...(await orUnread(context, look, unread)));
  }
  return { definitions, findings };
}

/** Of these collections; without `--collection` also of those that are recorded and not configured. */
export async function compareChosen(
  context: ModeContext,
  product: OpenProduct,
  { names, records }: { readonly names: readonly string[]; readonly records: ProductRecords },
): Promise<ComparedDefinitions> {
  const compared = await compareAll(context, product, names);
  if (context.flags.collection !== undefined) return compared;
  const others = undeclared(product, records);
  return {
    definitions: [...compared.definitions, ...others.definitions],
    findings: [...compared.findings, ...others.findings],
  };
}

/** Collections that have a record, and that the configuration does not have. */
export function undeclared(
  product: OpenProduct,
  { definitions }: Pick<ProductRecords, 'definitions'>,
): ComparedDefinitions {
  const others = definitions.filter(({ collection }) => !product.collections.includes(collection));
  return {
    definitions: others.map(({ collection, key, paths, updatedAt }) => ({
      collection,
      recorded: { key: [...key], paths: [...paths], updatedAt },
      keyDiffers: false,
      uncovered: [],
      unrecorded: [],
      forgettable: [],
    })),
    findings: others.map(({ collection }) => ({
      level: 'warn',
      check: 'definitions',
      message: `The collection "${collection}" is recorded, and the configuration does not have it: its documents are not checked`,
      action: 'Add the collection to the configuration.',
    })),
  };
}

function reported(compared: DefinitionComparison): ReportedDefinition {
  const { recorded, declared, uncovered, unrecorded, forgettable, ...rest } = compared;
  return {
    ...rest,
    ...(recorded && {
      recorded: { ...recorded, key: [...recorded.key], paths: [...recorded.paths] },
    }),
    declared: {
      key: [...declared.key],
      sealed: [...declared.sealed],
      covered: [...declared.covered],
    },
    uncovered: [...uncovered],
    unrecorded: [...unrecorded],
    forgettable: [...forgettable],
  };
}

function findingsOf(context: ModeContext, compared: DefinitionComparison): readonly Finding[] {
  const { collection, problem, unrecorded, forgettable } = compared;
  if (problem !== undefined) return [{ level: 'fail', check: 'definitions', message: problem }];
  const flags = { collection: [collection] };
  const found: Finding[] = [];
  if (unrecorded.length > 0) {
    found.push({
      level: 'warn',
      check: 'definitions',
      message: `The paths ${unrecorded.join(', ')} of "${collection}" are declared as sealed, and are not recorded`,
      action: 'Each process of the application records them when it starts; to do it now:',
      command: commandOn(context, 'definitions', { ...flags, register: true }),
    });
  }
  if (forgettable.length > 0) {
    found.push({
      level: 'warn',
      check: 'definitions',
      message: `The paths ${forgettable.join(', ')} of "${collection}" are recorded, and are no longer sealed`,
      action: 'Once no process seals them, and nothing is stored sealed under them, forget them:',
      command: commandOn(context, 'definitions', { ...flags, forget: true }),
    });
  }
  return found;
}

export function definitionsView(definitions: readonly ReportedDefinition[]): View | undefined {
  if (definitions.length === 0) return undefined;
  return {
    title: 'Definitions',
    rows: definitions.map((each) => ({
      collection: each.collection,
      recorded: each.recorded?.paths.join(', ') ?? 'nothing',
      'sealed by this configuration': each.declared?.sealed.join(', ') ?? 'not configured',
      difference: differenceOf(each),
    })),
  };
}

/** In one line. */
function differenceOf(definition: ReportedDefinition): string {
  const { keyDiffers, uncovered, unrecorded, forgettable } = definition;
  const parts = [
    keyDiffers ? 'another key' : '',
    uncovered.length > 0 ? `not declared: ${uncovered.join(', ')}` : '',
    unrecorded.length > 0 ? `not recorded: ${unrecorded.join(', ')}` : '',
    forgettable.length > 0 ? `no longer sealed: ${forgettable.join(', ')}` : '',
  ].filter((part) => part !== '');
  return parts.length > 0 ? parts.join('; ') : 'none';
}
