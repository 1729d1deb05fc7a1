/** Files that the command makes: for their owner alone, and never over another file. @module */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';

const OWNER_ALONE = 0o600;

export class NewFile {
  readonly #path: string;
  readonly #descriptor: number;
  #isWritten = false;

  /** @throws UsageError where the file exists, or cannot be made. */
  constructor(path: string, flag: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'wx', OWNER_ALONE);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const problem =
        code === 'EEXIST'
          ? 'exists: name a new file'
          : `cannot be made (${code ?? 'unknown error'})`;
      throw new UsageError(`--${flag}: the file ${path} ${problem}`);
    }
  }

  /** Durable when this returns. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#descriptor, bytes, done);
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    syncFolder(dirname(this.#path));
    this.#isWritten = true;
  }

  /** Removes a file into which nothing was written. */
  discard(): void {
    if (this.#isWritten) return;
    closeSync(this.#descriptor);
    rmSync(this.#path, { force: true });
  }
}

/** Else the name of the file may be lost in a crash, although its bytes are not. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
