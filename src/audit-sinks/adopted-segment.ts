/** A file of the spool that a process left which is gone. @module */
import { open, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile, touch, unlessMissing } from './durable-files.js';
import type { FileHolder } from './file-holder.js';
import {
  cursorPath,
  lineAt,
  readCursor,
  SPOOL_ENDING,
  writeCursor,
  type SpoolFile,
} from './spool-file.js';

interface Adopter {
  readonly folder: string;
  readonly holder: FileHolder;
  readonly wallMs: number;
}

export class AdoptedSegment {
  readonly path: string;
  readonly key: string;
  readonly #cursor: string;
  readonly #handle: FileHandle;
  #acknowledged: number;
  #size: number;

  private constructor(
    file: Pick<SpoolFile, 'key' | 'path' | 'size'>,
    opened: { handle: FileHandle; cursor: string; acknowledged: number },
  ) {
    this.path = file.path;
    this.key = file.key;
    this.#size = file.size;
    this.#handle = opened.handle;
    this.#cursor = opened.cursor;
    this.#acknowledged = opened.acknowledged;
  }

  /** @returns `undefined` where another process was faster. */
  static async take(
    { key, path: from }: SpoolFile,
    { folder, holder, wallMs }: Adopter,
  ): Promise<AdoptedSegment | undefined> {
    const path = join(folder, holder.fileName(key, SPOOL_ENDING));
    // First, so that it is never seen under its new name with its old time.
    await touch(from, wallMs);
    const isTaken = await unlessMissing(rename(from, path).then(() => true));
    return isTaken ? AdoptedSegment.#open(folder, key, path) : undefined;
  }

  static async #open(
    folder: string,
    key: string,
    path: string,
  ): Promise<AdoptedSegment | undefined> {
    const handle = await unlessMissing(open(path, 'r'));
    if (!handle) return undefined;
    const cursor = cursorPath(folder, key);
    const acknowledged = await readCursor(cursor, handle);
    const { size } = await handle.stat();
    return new AdoptedSegment({ key, path, size }, { handle, cursor, acknowledged });
  }

  get waitingBytes(): number {
    return Math.max(0, this.#size - this.#acknowledged);
  }

  /** @returns `undefined` at the end: a last line that was cut off was never acknowledged to its writer. */
  async nextLine(): Promise<{ line: Buffer; end: number } | undefined> {
    // Its writer may live, and have written more: it does so once at most.
    const { size } = await this.#handle.stat();
    this.#size = size;
    if (this.#acknowledged >= size) return undefined;
    const line = await lineAt(this.#handle, this.#acknowledged, size);
    return line && { line, end: this.#acknowledged + line.length + 1 };
  }

  async acknowledge(end: number): Promise<void> {
    this.#acknowledged = end;
    await writeCursor(this.#cursor, end);
  }

  /** Everything in it is acknowledged. */
  async remove(): Promise<void> {
    await this.#handle.close();
    await removeFile(this.path);
    await removeFile(this.#cursor);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
