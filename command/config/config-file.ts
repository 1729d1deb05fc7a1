/** Reads and validates the configuration; opens nothing. @module */
import { dirname } from 'node:path';
import {
  defineUntypedDocument,
  type AnyDefinition,
  type Environment,
} from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import { DEFINITION } from './code-values.js';
import { findConfigFile, formatOf, readConfigFile } from './read-file.js';
import { configSchema } from './config-schema.js';
import { contradictionsIn } from './contradictions.js';
import { requireOwnDefinition } from './package-copy.js';
import { problemsIn, wordsOf } from './schema-messages.js';
import type { CollectionSettings, Settings } from './settings.js';
import { at, createdAt } from './value-reader.js';

export interface LoadOptions {
  /** As the operator wrote it. @default the one in the folder */
  readonly file?: string | undefined;
  /** The working folder. */
  readonly folder: string;
  readonly env: Environment;
}

export interface LoadedConfig {
  /** Its whole path. */
  readonly file: string;
  /** Files of the configuration are relative to it. */
  readonly folder: string;
  readonly settings: Settings;
  /** By product and collection. */
  readonly definitions: ReadonlyMap<string, ReadonlyMap<string, AnyDefinition>>;
  /** Variables are read when something is opened that needs them. */
  readonly env: Environment;
}

/** @throws UsageError with every mistake, each with the path to it. */
export async function loadConfig({ file, folder, env }: LoadOptions): Promise<LoadedConfig> {
  const path = findConfigFile(folder, file);
  const raw = await readConfigFile(path);
  const parsed = configSchema(formatOf(path)).safeParse(raw, { error: wordsOf });
  const problems = [...(parsed.error ? problemsIn(parsed.error) : []), ...contradictionsIn(raw)];
  if (!parsed.success || problems.length > 0) throw inFile(path, problems);
  const definitions = readDefinitions(path, parsed.data);
  return { file: path, folder: dirname(path), settings: parsed.data, definitions, env };
}

function inFile(file: string, problems: readonly string[]): UsageError {
  return new UsageError(problems.map((each) => `${file}: ${each}`));
}

function readDefinitions(
  file: string,
  { products }: Settings,
): ReadonlyMap<string, ReadonlyMap<string, AnyDefinition>> {
  const problems: string[] = [];
  const all = Object.entries(products).map(([product, { collections = {} }]) => {
    const own = new Map<string, AnyDefinition>();
    for (const [name, collection] of Object.entries(collections)) {
      const path = at('products', product, 'collections', name, 'definition');
      try {
        own.set(name, definitionOf({ file, path, name }, collection));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        problems.push(...error.problems);
      }
    }
    return [product, own] as const;
  });
  if (problems.length > 0) throw inFile(file, problems);
  return new Map(all);
}

interface DefinitionPlace {
  readonly file: string;
  readonly path: string;
  /** The name of the collection. */
  readonly name: string;
}

function definitionOf(
  { file, path, name }: DefinitionPlace,
  { definition }: CollectionSettings,
): AnyDefinition {
  if (!DEFINITION.is(definition)) {
    const { key, fields, stages, former } = definition;
    return createdAt(path, () =>
      defineUntypedDocument({
        collection: name,
        key: asList(key),
        fields: asList(fields),
        ...(stages && { stages }),
        ...(former && { former }),
      }),
    );
  }
  requireOwnDefinition(path, file, definition);
  if (definition.collection === name) return definition;
  throw new UsageError(
    `${path}: defines the collection "${definition.collection}", and is configured as "${name}": use the same name`,
  );
}

function asList(names: readonly string[]): readonly [string, ...string[]] {
  return names as readonly [string, ...string[]];
}
