/** Files that survive a crash of the machine. For their owner alone. @module */
import { mkdir, open, readFile, unlink, utimes, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
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

export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
