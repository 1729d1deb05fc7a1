/** Files that survive a crash of the machine. For their owner alone. @module */
import { mkdir, open, readFile, stat, unlink, utimes, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { timestampOf, type Clock } from '../async/clock.js';
import { codeOf } from './audit-failure.js';

export const OWNER_ALONE = 0o600;
const OWNER_FOLDER = 0o700;

/** File systems that cannot flush a folder say so by one of these. */
const CANNOT_FLUSH: readonly string[] = ['EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/** With those above it. */
export async function makeFolders(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: OWNER_FOLDER });
  if (made !== undefined) await syncFolder(dirname(made));
}

/** In one that exists. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: OWNER_FOLDER });
    await syncFolder(dirname(folder));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Else the name of a file may be lost in a crash, although its bytes are not. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch (error) {
    if (!CANNOT_FLUSH.includes(codeOf(error))) throw error;
  } finally {
    await handle?.close();
  }
}

/** Durable, under its name too, when this resolves. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w', OWNER_ALONE);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(path));
}

/** @returns `undefined` where there is none. */
export function readIfThere(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, 'utf8'));
}

/** Does nothing where there is none. */
export async function removeFile(path: string): Promise<void> {
  await unlessMissing(unlink(path));
}

/** Shows other processes that this one lives. */
export async function touch(path: string, wallMs: number): Promise<void> {
  const time = new Date(wallMs);
  await unlessMissing(utimes(path, time, time));
}

/** False where the open file has another name now, or none. */
export async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  const [own, named] = [await handle.stat(), await unlessMissing(stat(path))];
  return named?.ino === own.ino && named.dev === own.dev;
}

/** @returns `undefined` at the start of the file, and past its end. */
export async function byteBefore(
  handle: FileHandle,
  position: number,
): Promise<number | undefined> {
  if (position === 0) return undefined;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, position - 1);
  return bytesRead === 1 ? buffer[0] : undefined;
}

/** The time as part of a file name: names sort as times do. */
export function timeInName(clock: Clock): string {
  return timestampOf(clock).replaceAll(/[-:.]/g, '');
}

export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
