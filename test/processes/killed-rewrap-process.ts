import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { RewrapSummary } from '../../src/index.js';
import type { Point } from './killed-rewrap-plan.js';
import type { World } from './killed-rewrap-world.js';

const SCRIPT = join(import.meta.dirname, 'killed-rewrap-child.mjs');

type Child = ChildProcessByStdio<null, Readable, null>;

/** Starts a rewrap and kills it at the point. @returns What ended it. */
export async function killRewrap(world: World, target: string, point: Point): Promise<string> {
  const child = start(world, target, point);
  const ended = endOf(child);
  await untilPoint(child, point);
  child.kill('SIGKILL');
  return ended;
}

/** Lets a rewrap run to its end. */
export async function finishRewrap(world: World, target: string): Promise<RewrapSummary> {
  const child = start(world, target);
  const [output, end] = await Promise.all([text(child.stdout), endOf(child)]);
  if (end !== 'exit code 0') throw new Error(`The rewrap ended with ${end}`);
  return JSON.parse(output) as RewrapSummary;
}

function start({ file, keys, back = false }: World, target: string, point?: Point): Child {
  const args = [SCRIPT, JSON.stringify({ file, keys, target, point, back })];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function endOf(child: Child): Promise<string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal ?? `exit code ${String(code)}`;
}

/** Returns as well when the child ends before. */
async function untilPoint({ stdout }: Child, { moment }: Point): Promise<void> {
  let rows = 0;
  for await (const line of createInterface({ input: stdout })) {
    if (line === 'parked') return;
    rows += 1;
    if (rows !== moment?.rows) continue;
    await sleep(moment.delayMs);
    return;
  }
}
