/** A SQLite file of its own for each test, whose write lock other processes take. @module */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ManualClock } from '../../src/testing/index.js';

const LOCK_HOLDER = join(import.meta.dirname, 'lock-holder.mjs');

export class LockedFile {
  readonly #directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
  readonly #children: ChildProcess[] = [];
  readonly path = join(this.#directory, 'store.db');

  /** Another process takes the write lock and keeps it. @returns What lets it go. */
  async lock(): Promise<() => Promise<void>> {
    const child = fork(LOCK_HOLDER, [this.path], { execPath: process.execPath, execArgv: [] });
    this.#children.push(child);
    await once(child, 'message');
    return () => letGo(child);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#children.map(letGo));
    rmSync(this.#directory, { recursive: true });
  }
}

async function letGo(child: ChildProcess): Promise<void> {
  if (!child.connected) return;
  child.send('let go');
  await once(child, 'exit');
}

/** Time on the clock until the promise has settled. */
export async function letTimePass(clock: ManualClock, settled: Promise<unknown>): Promise<number> {
  const isOver = settling(settled);
  const startedMs = clock.monotonicMs();
  while (!isOver()) await clock.run(50);
  return clock.monotonicMs() - startedMs;
}

export function settling(promise: Promise<unknown>): () => boolean {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  promise.then(end, end);
  return () => isOver;
}
