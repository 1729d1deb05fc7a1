/** Finds the configuration file, and reads what is in it. @module */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../command-line/usage-error.js';
import { packageName, requireOneCopy } from './package-copy.js';
import { parseConfigJson } from './json-text.js';
import type { Format } from './schema-parts.js';

const NAME = 'encrypt-migrate.config';
const EXTENSIONS = ['.json', '.ts', '.mjs'] as const;

/**
 * @param file - As the operator wrote it; the working folder is searched without it.
 * @returns The path of the one configuration file.
 * @throws UsageError where there is none, or are several.
 */
export function findConfigFile(folder: string, file: string | undefined): string {
  if (file !== undefined) return namedFile(resolve(folder, file));
  const found = EXTENSIONS.map((extension) => NAME + extension).filter((name) =>
    existsSync(join(folder, name)),
  );
  const [first, second] = found;
  if (first === undefined) {
    throw new UsageError(
      `no ${NAME}.json, .ts or .mjs is in ${folder}: create one, or pass --config <file>`,
    );
  }
  if (second !== undefined) {
    throw new UsageError(
      `${folder} has ${found.join(' and ')}: remove all but one, or pass --config <file>`,
    );
  }
  return join(folder, first);
}

/** Whether the working folder has a configuration file: some modes do without. */
export function hasConfigFile(folder: string): boolean {
  return EXTENSIONS.some((extension) => existsSync(join(folder, NAME + extension)));
}

function namedFile(path: string): string {
  if (!(EXTENSIONS as readonly string[]).includes(extname(path))) {
    throw new UsageError(`--config ${path}: the name has to end in .json, .ts or .mjs`);
  }
  if (!existsSync(path)) throw new UsageError(`--config ${path}: there is no such file`);
  return path;
}

export function formatOf(file: string): Format {
  return extname(file) === '.json' ? 'json' : 'code';
}

/** @throws UsageError where it is no JSON, or cannot be loaded. */
export async function readConfigFile(file: string): Promise<unknown> {
  if (formatOf(file) === 'json') return parseConfigJson(file, readFileSync(file, 'utf8'));
  requireOneCopy(file);
  return exportOf(file);
}

async function exportOf(file: string): Promise<unknown> {
  let exported: unknown;
  try {
    const module =
      extname(file) === '.ts' ? await importTypeScript(file) : await importScript(file);
    exported = module.default;
    exported = await (typeof exported === 'function' ? (exported as () => unknown)() : exported);
  } catch (error) {
    throw new UsageError(`${file} cannot be loaded: ${firstLineOf(error)}`);
  }
  if (exported !== undefined) return exported;
  throw new UsageError(`${file} has no default export: write export default { products: … }`);
}

interface ConfigModule {
  readonly default?: unknown;
}

function importScript(file: string): Promise<ConfigModule> {
  return import(pathToFileURL(file).href) as Promise<ConfigModule>;
}

/** Node 20 does not load TypeScript. Of the library there must be one copy, also where modules `require` it. */
async function importTypeScript(file: string): Promise<ConfigModule> {
  const [{ createJiti }, library] = await Promise.all([
    import('jiti/static'),
    import('@bytelyst/field-encrypt'),
  ]);
  const jiti = createJiti(file, {
    // Code that was compiled from a configuration stays in memory.
    fsCache: false,
    // Without a default export, the module itself would be returned as one.
    interopDefault: false,
    virtualModules: { [packageName]: library },
    // Its other entry points are left to Node.
    nativeModules: [packageName],
  });
  return jiti.import<ConfigModule>(file);
}

/** The rest of a syntax error quotes the file. */
function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1).join();
}
