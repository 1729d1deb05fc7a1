/** Files that the command makes: for their owner alone, and never over another file. @module */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';

const OWNER_ALONE = 0o600;

/** File systems that cannot flush a folder say so by one of these. */
const CANNOT_FLUSH: readonly unknown[] = ['EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

export class NewFile {
  readonly #path: string;
  readonly #flag: string;
  readonly #descriptor: number;
  #isOpen = true;
  #isOver = false;

  /** @throws UsageError where the file exists, or cannot be made. */
  constructor(path: string, flag: string) {
    this.#path = path;
    this.#flag = flag;
    try {
      this.#descriptor = openSync(path, 'wx', OWNER_ALONE);
    } catch (error) {
      const code = codeOf(error);
      throw this.#refusal(
        code === 'EEXIST' ? 'exists: name a new file' : `cannot be made (${code})`,
      );
    }
  }

  /**
   * Durable when this returns.
   *
   * @throws UsageError where the disk is full, for example.
   */
  write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#descriptor, bytes, done);
      fsyncSync(this.#descriptor);
      this.#close();
      syncFolder(dirname(this.#path));
      this.#isOver = true;
    } catch (error) {
      throw this.#refusal(`cannot be written (${codeOf(error)}): name a file on another disk`);
    }
  }

  /** Removes a file that is not written, or not whole. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptor);
  }

  #refusal(problem: string): UsageError {
    return new UsageError(`--${this.#flag}: the file ${this.#path} ${problem}`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

/** Else the name of the file may be lost in a crash, although its bytes are not. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
  } catch (error) {
    if (!CANNOT_FLUSH.includes(codeOf(error))) throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
