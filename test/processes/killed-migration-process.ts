import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { MigrationSummary } from '../../src/index.js';

const SCRIPT = join(import.meta.dirname, 'killed-migration-child.mjs');

export interface MigrationTask {
  readonly kind: 'backfill' | 'move' | 'reencrypt';
  /** The table that a move goes to. */
  readonly table?: string;
  readonly createdBefore?: string;
  readonly shred?: boolean;
}

export interface MigrationInput {
  readonly file: string;
  readonly keys: readonly string[];
  readonly migration: MigrationTask;
}

type Child = ChildProcessByStdio<null, Readable, null>;

/** The event after which a migration is killed. */
export interface KillPoint {
  readonly type: 'fence' | 'changed';
  readonly nth: number;
}

/** Starts a migration and kills it. @returns False when it was too late. */
export async function killMigration(input: MigrationInput, point: KillPoint): Promise<boolean> {
  const child = start({ ...input, point });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'kill me') child.kill('SIGKILL');
  }
  const [, signal] = await ended;
  return signal === 'SIGKILL';
}

/** Lets a migration run to its end. */
export async function finishMigration(input: MigrationInput): Promise<MigrationSummary> {
  const child = start(input);
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) last = line;
  const [code] = await ended;
  if (code !== 0) throw new Error(`The migration ended with exit code ${String(code)}`);
  return JSON.parse(last) as MigrationSummary;
}

function start(input: MigrationInput & { readonly point?: KillPoint }): Child {
  const args = [SCRIPT, JSON.stringify(input)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
