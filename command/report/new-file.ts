/** Files that the command makes: for their owner alone, and never over another file. @module */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';

const OWNER_ALONE = 0o600;

/** File systems that cannot flush a folder say so by one of these. */
const CANNOT_FLUSH: readonly unknown[] = ['EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/** Texts are collected up to this size. */
const BUFFER_BYTES = 65_536;

export class NewFile {
  readonly #path: string;
  readonly #flag: string;
  readonly #name: string;
  readonly #descriptor: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isEmpty = true;
  #isOpen = true;
  #isOver = false;

  /**
   * @param name - As messages name it.
   * @throws UsageError where the file exists, or cannot be made.
   */
  constructor(path: string, flag: string, name = path) {
    this.#path = path;
    this.#flag = flag;
    this.#name = name;
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
   * A part of the text; what came last may not be in the file yet.
   *
   * @throws UsageError where the disk is full, for example.
   */
  append(bytes: Buffer): void {
    this.#isEmpty &&= bytes.length === 0;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= BUFFER_BYTES)
      this.#try(() => {
        this.#flush();
      });
  }

  /**
   * Durable when this returns.
   *
   * @throws UsageError as {@link append} does.
   */
  finish(): void {
    this.#try(() => {
      this.#flush();
      fsyncSync(this.#descriptor);
      this.#close();
      syncFolder(dirname(this.#path));
      this.#isOver = true;
    });
  }

  /**
   * The whole text at once.
   *
   * @throws UsageError as {@link append} does.
   */
  write(text: string): void {
    this.append(Buffer.from(text));
    this.finish();
  }

  /**
   * Keeps what was written, although it is not whole; a file without anything in it is removed.
   *
   * @param mostBytes - What is after them is cut off.
   */
  leave(mostBytes = Infinity): void {
    if (this.#isEmpty) this.discard();
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#flush();
      if (fstatSync(this.#descriptor).size > mostBytes) ftruncateSync(this.#descriptor, mostBytes);
    } catch {
      // The disk is full: the file has what it has.
    }
    this.#close();
  }

  /** Removes a file that is not written, or not whole. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (let done = 0; done < bytes.length;) done += writeSync(this.#descriptor, bytes, done);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw this.#refusal(`cannot be written (${codeOf(error)}): name a file on another disk`);
    }
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptor);
  }

  #refusal(problem: string): UsageError {
    return new UsageError(`--${this.#flag}: the file ${this.#name} ${problem}`);
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
