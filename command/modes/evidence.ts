/** The file with the bytes of a row that is given up. @module */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';
import { NewFile } from '../report/new-file.js';
import { readNamedFile } from './named-file.js';

export class Evidence {
  /** As the operator named it. */
  readonly file: string;
  /** Of the file, where it is there already. */
  readonly digest: string | undefined;
  readonly #path: string;

  /** @throws UsageError where the file cannot be read. */
  constructor(folder: string, file: string) {
    this.file = file;
    this.#path = resolve(folder, file);
    this.digest = existsSync(this.#path) ? this.#digestOfFile() : undefined;
  }

  /**
   * Durable when this returns.
   *
   * @throws UsageError where the file holds something else.
   */
  keep({ stored, digest }: { readonly stored: string; readonly digest: string }): void {
    if (this.digest === digest) return;
    if (this.digest !== undefined) {
      throw new UsageError(
        `--evidence: the file ${this.file} exists, and does not hold the bytes of this row: name a new file`,
      );
    }
    const file = new NewFile(this.#path, 'evidence');
    try {
      file.write(stored);
    } finally {
      file.discard();
    }
  }

  #digestOfFile(): string {
    const bytes = readNamedFile({ path: this.#path, file: this.file, flag: 'evidence' });
    return createHash('sha256').update(bytes).digest('hex');
  }
}
