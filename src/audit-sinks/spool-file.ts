/** One file of the spool: lines, and beside it the cursor, how many of its bytes are acknowledged. @module */
import { open, readdir, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { byteBefore, OWNER_ALONE, readIfThere, unlessMissing } from './durable-files.js';
import { heldFileOf, type HeldFile } from './file-holder.js';

export const SPOOL_ENDING = 'spool';
const CURSOR_ENDING = '.cursor';
const NEWLINE = 0x0a;
const CURSOR = /^\d{16}$/;
const CURSOR_DIGITS = 16;
const FIRST_READ_BYTES = 4_096;
const READ_BYTES = 65_536;

export interface SpoolFile extends HeldFile {
  readonly path: string;
  readonly size: number;
  /** Since its last change, in milliseconds since the epoch. */
  readonly mtimeMs: number;
}

/** All of a folder, the oldest first: keys begin with the time. */
export async function spoolFilesIn(folder: string): Promise<readonly SpoolFile[]> {
  const names = (await unlessMissing(readdir(folder))) ?? [];
  const files: SpoolFile[] = [];
  for (const name of names.sort()) {
    const held = heldFileOf(name, SPOOL_ENDING);
    const path = join(folder, name);
    const stats = held && (await unlessMissing(stat(path)));
    if (stats) files.push({ ...held, path, size: stats.size, mtimeMs: stats.mtimeMs });
  }
  return files;
}

/** Not named after the process: it stays where its file is taken over. */
export function cursorPath(folder: string, key: string): string {
  return join(folder, `${key}${CURSOR_ENDING}`);
}

/** Keys of the cursors in a folder. */
export async function cursorKeysIn(folder: string): Promise<readonly string[]> {
  const names = (await unlessMissing(readdir(folder))) ?? [];
  return names
    .filter((name) => name.endsWith(CURSOR_ENDING))
    .map((name) => name.slice(0, -CURSOR_ENDING.length));
}

/** In place, so that a full disk does not refuse it. Not flushed: where it is lost, events are sent again. */
export async function writeCursor(path: string, position: number): Promise<void> {
  const text = String(position).padStart(CURSOR_DIGITS, '0');
  const inPlace = writeFile(path, text, { flag: 'r+' }).then(() => true);
  if (await unlessMissing(inPlace)) return;
  await writeFile(path, text, { mode: OWNER_ALONE });
}

/** 0 for anything but the end of a line, and where it cannot be read: events are sent again. */
export async function readCursor(path: string, handle: FileHandle): Promise<number> {
  const text = (await readIfThere(path).catch(() => undefined)) ?? '';
  const position = CURSOR.test(text) ? Number(text) : 0;
  return (await byteBefore(handle, position)) === NEWLINE ? position : 0;
}

/** Returns the line that begins there, without its end; `undefined` where it has no end before `end`. */
export async function lineAt(
  handle: FileHandle,
  position: number,
  end: number,
): Promise<Buffer | undefined> {
  for (let length = FIRST_READ_BYTES; ; length *= 2) {
    const part = Buffer.alloc(Math.min(length, end - position));
    const { bytesRead } = await handle.read(part, 0, part.length, position);
    const at = part.subarray(0, bytesRead).indexOf(NEWLINE);
    if (at >= 0) return part.subarray(0, at);
    if (length >= end - position || bytesRead < part.length) return undefined;
  }
}

export interface Waiting {
  readonly events: number;
  readonly bytes: number;
  /** The time of the first of them. */
  readonly oldestAt?: string;
}

/** What a file has after its cursor, whole lines alone. */
export async function measureWaiting(folder: string, file: SpoolFile): Promise<Waiting> {
  const handle = await unlessMissing(open(file.path, 'r'));
  // Acknowledged, or taken over, meanwhile.
  if (!handle) return { events: 0, bytes: 0 };
  try {
    const start = await readCursor(cursorPath(folder, file.key), handle);
    const { events, end } = await countLines(handle, start);
    const first = events === 0 ? undefined : await lineAt(handle, start, end);
    const oldestAt = first && timeIn(first);
    return { events, bytes: end - start, ...(oldestAt !== undefined && { oldestAt }) };
  } finally {
    await handle.close();
  }
}

/** @returns The end of the last whole line, too. */
async function countLines(
  handle: FileHandle,
  start: number,
): Promise<{ events: number; end: number }> {
  const part = Buffer.alloc(READ_BYTES);
  let [events, end] = [0, start];
  for (let position = start; ;) {
    const { bytesRead } = await handle.read(part, 0, part.length, position);
    if (bytesRead === 0) return { events, end };
    const bytes = part.subarray(0, bytesRead);
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      events += 1;
      end = position + at + 1;
    }
    position += bytesRead;
  }
}

function timeIn(line: Buffer): string | undefined {
  const time = (eventIn(line) ?? {})['time'];
  return typeof time === 'string' ? time : undefined;
}

/** `undefined` for bytes that are no JSON object. */
export function eventIn(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const event: unknown = JSON.parse(line.toString());
    return typeof event === 'object' && event !== null ? { ...event } : undefined;
  } catch {
    return undefined;
  }
}
