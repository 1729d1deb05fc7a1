/** There has to be one copy of the library: its definitions and errors are known by their classes. @module */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineUntypedDocument, type AnyDefinition } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';

export const packageName = '@bytelyst/field-encrypt';

/** The folder of the package that this command is part of. */
export function ownFolder(): string {
  const folder = folderAbove(dirname(fileURLToPath(import.meta.url)));
  if (folder === undefined) throw new Error(`${packageName} has no folder`);
  return folder;
}

/** @throws UsageError where modules beside the file would load another copy. */
export function requireOneCopy(file: string): void {
  const other = copyBeside(file);
  if (other !== undefined && other !== ownFolder()) throw otherCopy(file, other);
}

/** @throws UsageError for a definition of another copy. */
export function requireOwnDefinition(path: string, file: string, definition: AnyDefinition): void {
  if (definition.constructor === ownDefinition().constructor) return;
  throw new UsageError(
    `${path}: the definition was made by another copy of ${packageName} than this command's, ${ownFolder()}: install one copy for ${file} and for all that it imports`,
  );
}

function ownDefinition(): AnyDefinition {
  return defineUntypedDocument({ collection: 'any', key: ['id'], fields: ['any'] });
}

function otherCopy(file: string, folder: string): UsageError {
  return new UsageError(
    `${file} would load ${packageName} from ${folder}, and this command is of ${ownFolder()}: run the command that is installed beside the configuration, or install one copy for both`,
  );
}

/** The copy that a module at this place gets, if any. */
function copyBeside(file: string): string | undefined {
  try {
    const resolved = createRequire(file).resolve(packageName);
    return folderAbove(dirname(realpathSync(resolved)));
  } catch {
    // Nothing is installed there, so the configuration does not import it.
    return undefined;
  }
}

/** The nearest folder above that holds the package. */
function folderAbove(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && nameIn(manifest) === packageName) return realpathSync(folder);
    if (folder === dirname(folder)) return undefined;
  }
}

function nameIn(manifest: string): unknown {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: unknown }).name;
}
