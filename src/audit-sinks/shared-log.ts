/** A file of lines that any number of processes append to, and that is rotated by size. @module */
import { randomBytes } from 'node:crypto';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../async/clock.js';
import {
  byteBefore,
  isAt,
  OWNER_ALONE,
  syncFolder,
  timeInName,
  unlessMissing,
} from './durable-files.js';

/** Ends a line that was cut off, so that no reader takes it for an event, whole or not. */
const NOT_RECORDED = Buffer.from(' (not recorded)\n');
const NEWLINE = 0x0a;

interface SharedLogOptions {
  readonly file: string;
  readonly maxBytes: number;
  readonly clock: Clock;
}

export class SharedLog {
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;

  constructor({ file, maxBytes, clock }: SharedLogOptions) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /** Resolves once the lines are durable. Opens the file each time: another process may have rotated it. */
  async append(lines: Buffer): Promise<void> {
    let handle = await this.#open();
    try {
      let { size } = await handle.stat();
      if (size > 0 && size + lines.length > this.#maxBytes) {
        await this.#rotate(handle);
        await handle.close();
        handle = await this.#open();
        ({ size } = await handle.stat());
      }
      await appendWhole(handle, lines, size);
      await handle.datasync();
      if (size === 0) await syncFolder(dirname(this.#file));
    } finally {
      await handle.close();
    }
  }

  #open(): Promise<FileHandle> {
    return open(this.#file, 'a+', OWNER_ALONE);
  }

  /** The name is new, so that no file is ever replaced. */
  async #rotate(handle: FileHandle): Promise<void> {
    // Another process rotated it.
    if (!(await isAt(this.#file, handle))) return;
    const { size } = await handle.stat();
    if (await isCutAt(handle, size)) await handle.write(NOT_RECORDED);
    const to = `${this.#file}.${timeInName(this.#clock)}-${randomBytes(4).toString('hex')}`;
    await unlessMissing(rename(this.#file, to));
    await syncFolder(dirname(this.#file));
  }
}

/** @param size - Before; other processes may append meanwhile. */
async function appendWhole(handle: FileHandle, lines: Buffer, size: number): Promise<void> {
  for (let before = size; ;) {
    const isCut = await isCutAt(handle, before);
    const bytes = isCut ? Buffer.concat([NOT_RECORDED, lines]) : lines;
    await writeAtOnce(handle, bytes);
    const { size: after } = await handle.stat();
    if (after === before + bytes.length) return;
    if (await standsAlone(handle, lines, { from: Math.max(0, before - 1), to: after })) return;
    // Another process was cut off just before, and the first line is now part of what it left.
    before = after;
  }
}

async function writeAtOnce(handle: FileHandle, bytes: Buffer): Promise<void> {
  const { bytesWritten } = await handle.write(bytes);
  if (bytesWritten === bytes.length) return;
  // The disk may be full; if so, the next one that writes ends the line.
  await handle.write(NOT_RECORDED);
  throw new Error('The file system took a part of the bytes');
}

/** True where a line begins with the lines: after a newline, or at the start of the file. */
async function standsAlone(
  handle: FileHandle,
  lines: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<boolean> {
  const part = Buffer.alloc(to - from);
  const { bytesRead } = await handle.read(part, 0, part.length, from);
  const at = part.subarray(0, bytesRead).lastIndexOf(lines);
  return at > 0 ? part[at - 1] === NEWLINE : at === 0 && from === 0;
}

/** True where a line has no end: a process was killed, or the disk was full. */
async function isCutAt(handle: FileHandle, size: number): Promise<boolean> {
  const last = await byteBefore(handle, size);
  return last !== undefined && last !== NEWLINE;
}
