/** Files that flags name, to be read. @module */
import { readFileSync } from 'node:fs';
import { UsageError } from '../command-line/usage-error.js';

interface NamedFile {
  readonly path: string;
  /** As the operator named it. */
  readonly file: string;
  readonly flag: string;
}

/** @throws UsageError where it cannot be read. */
export function readNamedFile({ path, file, flag }: NamedFile): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw new UsageError(`--${flag}: the file ${file} cannot be read (${code})`);
  }
}
