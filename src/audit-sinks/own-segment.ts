/** The file of this process in the spool. @module */
import { randomBytes } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../async/clock.js';
import { isAt, OWNER_ALONE, removeFile, syncFolder, timeInName } from './durable-files.js';
import type { FileHolder } from './file-holder.js';
import { cursorPath, lineAt, SPOOL_ENDING, writeCursor } from './spool-file.js';

const COPY_BYTES = 65_536;

interface OpenFile {
  readonly handle: FileHandle;
  readonly key: string;
  readonly path: string;
}

interface OwnSegmentOptions {
  readonly folder: string;
  readonly holder: FileHolder;
  readonly clock: Clock;
  /** Acknowledged bytes that a file may have before what waits is moved to a new one. */
  readonly mostSpentBytes: number;
}

/**
 * Offsets count all bytes that the process has written; its file begins at `#base` of them. Only `append` and
 * `compact` change the file, one at a time; `nextLine` and `acknowledge` are called by the sender meanwhile.
 */
export class OwnSegment {
  readonly #options: OwnSegmentOptions;
  #file: OpenFile | undefined;
  #base = 0;
  #acknowledged = 0;
  #durable = 0;
  /** Bytes after `#durable` are of events that were refused. */
  #isCut = false;

  constructor(options: OwnSegmentOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#durable - this.#acknowledged;
  }

  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Resolves once the lines are durable, in a file that has its name. */
  async append(lines: Buffer): Promise<void> {
    this.#file ??= await this.#create();
    const { handle } = this.#file;
    if (this.#isCut) await this.#cutOff(handle);
    const start = this.#durable;
    this.#isCut = true;
    try {
      await writeWhole(handle, lines, start - this.#base);
      await handle.datasync();
      if (!(await this.#hasItsName())) await this.#move(start + lines.length);
      this.#durable = start + lines.length;
      this.#isCut = false;
    } catch (error) {
      // Where it fails too, it is done before the next event is written.
      await this.#giveSpaceBack(this.#file.handle).catch(() => undefined);
      throw error;
    }
  }

  /** @returns `undefined` where everything is acknowledged. */
  async nextLine(): Promise<{ line: Buffer; end: number } | undefined> {
    const [start, end] = [this.#acknowledged, this.#durable];
    if (!this.#file || start >= end) return undefined;
    const { handle } = this.#file;
    const line = await lineAt(handle, start - this.#base, end - this.#base);
    return line && { line, end: start + line.length + 1 };
  }

  async acknowledge(end: number): Promise<void> {
    this.#acknowledged = end;
    if (!this.#file) return;
    const cursor = cursorPath(this.#options.folder, this.#file.key);
    await writeCursor(cursor, end - this.#base);
  }

  get needsCompaction(): boolean {
    const spent = this.#acknowledged - this.#base;
    return spent >= this.#options.mostSpentBytes && spent >= this.waitingBytes;
  }

  /** Moves what waits to a new file: a file that is written for months would otherwise only grow. */
  async compact(): Promise<void> {
    if (this.needsCompaction) await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    if (!this.#file || this.#acknowledged === this.#base) return;
    const { key, path } = this.#file;
    const isOwn = await this.#hasItsName();
    await this.#move(this.#durable);
    if (isOwn) await this.#remove(key, path);
  }

  /** The file stays where something waits: another process sends it. */
  async close(): Promise<void> {
    if (!this.#file) return;
    const { handle, key, path } = this.#file;
    const isSpent = this.waitingBytes === 0 && (await this.#hasItsName());
    await handle.close();
    this.#file = undefined;
    if (isSpent) await this.#remove(key, path);
  }

  /** Another process may have taken this one for gone, and the file over. */
  async #hasItsName(): Promise<boolean> {
    return this.#file !== undefined && (await isAt(this.#file.path, this.#file.handle));
  }

  /** What waits goes along, so that no event can overtake those that another process sends. */
  async #move(end: number): Promise<void> {
    const from = this.#file;
    const start = this.#acknowledged;
    const to = await this.#create();
    try {
      if (from)
        await copy(from.handle, to.handle, { from: start - this.#base, to: end - this.#base });
      await to.handle.datasync();
    } catch (error) {
      await to.handle.close();
      await removeFile(to.path);
      throw error;
    }
    this.#file = to;
    this.#base = start;
    await from?.handle.close();
  }

  async #create(): Promise<OpenFile> {
    const { folder, holder, clock } = this.#options;
    const key = `${timeInName(clock)}-${randomBytes(8).toString('hex')}`;
    const path = join(folder, holder.fileName(key, SPOOL_ENDING));
    const handle = await open(path, 'wx+', OWNER_ALONE);
    try {
      await writeCursor(cursorPath(folder, key), 0);
      await syncFolder(folder);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { handle, key, path };
  }

  /** What was sent may be what fills the disk. */
  async #giveSpaceBack(handle: FileHandle): Promise<void> {
    await this.#cutOff(handle);
    if (this.waitingBytes === 0) await this.#startAgain();
  }

  async #cutOff(handle: FileHandle): Promise<void> {
    await handle.truncate(this.#durable - this.#base);
    await handle.datasync();
    this.#isCut = false;
  }

  async #remove(key: string, path: string): Promise<void> {
    await removeFile(path);
    await removeFile(cursorPath(this.#options.folder, key));
  }
}

async function writeWhole(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  const { bytesWritten } = await handle.write(bytes, 0, bytes.length, position);
  if (bytesWritten === bytes.length) return;
  // The error of the rest, such as that of a full disk.
  await writeWhole(handle, bytes.subarray(bytesWritten), position + bytesWritten);
}

async function copy(
  from: FileHandle,
  to: FileHandle,
  range: { readonly from: number; readonly to: number },
): Promise<void> {
  const part = Buffer.alloc(COPY_BYTES);
  for (let position = range.from; position < range.to;) {
    const length = Math.min(part.length, range.to - position);
    const { bytesRead } = await from.read(part, 0, length, position);
    if (bytesRead === 0) throw new Error('The file of the spool is shorter than it was');
    await writeWhole(to, part.subarray(0, bytesRead), position - range.from);
    position += bytesRead;
  }
}
