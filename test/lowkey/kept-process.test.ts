import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeptProcess } from './kept-process.js';

const STAYS = 'setInterval(() => {}, 1000); console.log(process.pid);';
const STAYS_WHEN_ASKED_TO_GO = `process.on('SIGTERM', () => {}); ${STAYS}`;

let folder = '';
let output = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kept-'));
  output = openSync(join(folder, 'log'), 'w');
});
afterEach(async () => {
  closeSync(output);
  await rm(folder, { recursive: true });
});

function keep(code: string, env: Readonly<Record<string, string>> = {}): KeptProcess {
  return new KeptProcess(process.execPath, ['--eval', code], { env, output });
}

const printed = (): string => readFileSync(join(folder, 'log'), 'utf8');

/** The id that it prints as soon as it runs. */
async function pidPrinted(): Promise<number> {
  while (!/^\d+$/m.test(printed())) await sleep(20);
  return Number(printed());
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await sleep(20);
}

describe('a kept process', () => {
  it('is gone when it was disposed of', async () => {
    const kept = keep(STAYS);
    const pid = await pidPrinted();
    expect(isRunning(pid)).toBe(true);
    await kept[Symbol.asyncDispose]();
    expect(isRunning(pid)).toBe(false);
  });

  it('is killed if it does not go when it is asked to', async () => {
    const kept = keep(STAYS_WHEN_ASKED_TO_GO, { KEEP_PATIENCE_MS: '100' });
    const pid = await pidPrinted();
    await kept[Symbol.asyncDispose]();
    expect(isRunning(pid)).toBe(false);
  });

  it('goes when the process that started it is killed', async () => {
    const parent = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'keep-one.ts'), STAYS],
      { stdio: ['ignore', output, output] },
    );
    const pid = await pidPrinted();
    const ended = once(parent, 'exit');
    parent.kill('SIGKILL');
    await ended;
    await untilGone(pid);
  });

  it('ends with the exit code that it has, 127 where there is no such command', async () => {
    await expect(keep('process.exit(3)').exited).resolves.toBe(3);
    await expect(keep('process.kill(process.pid)').exited).resolves.toBe(128);
    const missing = new KeptProcess(join(folder, 'missing'), [], { output });
    await expect(missing.exited).resolves.toBe(127);
  });

  it('may be disposed of when it has ended', async () => {
    const kept = keep('');
    await kept.exited;
    await kept[Symbol.asyncDispose]();
  });
});
