/** Runs the live suites on a real vault and account, and leaves no item of theirs behind. @module */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeldContainers } from './held-containers.js';
import { LiveAzure } from './live-azure.js';
import { variablesFor, type LiveRunPlan } from './live-run.js';
import { readLiveSettings } from './live-settings.js';
import { findMekVersions, rotateMek } from './mek-versions.js';

const ROOT = join(import.meta.dirname, '../..');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let stoppedBy: (typeof SIGNALS)[number] | undefined;
let suites: ChildProcess | undefined;

for (const signal of SIGNALS) {
  process.on(signal, () => {
    if (stoppedBy) {
      console.error('Stopped before everything was deleted: see docs/live-tests.md');
      process.exit(codeOf(signal));
    }
    stoppedBy = signal;
    suites?.kill(signal);
  });
}

process.exitCode = await main().catch(complain);

async function main(): Promise<number> {
  const azure = new LiveAzure(readLiveSettings(process.env));
  try {
    return await runOn(azure);
  } finally {
    azure.close();
  }
}

/** Reads first, so that whatever is refused is refused before anything is written. */
async function runOn(azure: LiveAzure): Promise<number> {
  const { older, newest } = await findMekVersions(azure);
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-live-'));
  const ledgerFile = join(folder, 'items');
  const containers = new HeldContainers(azure.cosmos(), ledgerFile, console.log);
  const run = async (): Promise<number> => {
    await containers.take();
    const versions = older === undefined ? await rotateMek(azure, newest) : { older, newest };
    if (older === undefined)
      console.log(`Made the version ${versions.newest} of the MEK: it stays`);
    return runSuites({ ledgerFile, ...versions });
  };
  const code = await run().catch(complain);
  const left = await containers.release().catch(complain);
  const isSwept = typeof left === 'object' && left.made === 0;
  if (isSwept) rmSync(folder, { recursive: true, force: true });
  else console.error(`Not everything was deleted: what the tests made is listed in ${ledgerFile}`);
  if (stoppedBy) return codeOf(stoppedBy);
  return isSwept && left.others === 0 ? code : 1;
}

/** In a process of their own, so that another process cleans up after them, however they end. */
async function runSuites(plan: LiveRunPlan): Promise<number> {
  if (stoppedBy) return codeOf(stoppedBy);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const options = ['run', '--config', 'vitest.live.config.ts', ...process.argv.slice(2)];
  suites = spawn(process.execPath, [vitest, ...options], {
    cwd: ROOT,
    env: { ...process.env, ...variablesFor(plan) },
    stdio: 'inherit',
  });
  const [code] = (await once(suites, 'exit')) as [code: number | null];
  suites = undefined;
  return code ?? 1;
}

function complain(error: unknown): number {
  console.error(error instanceof Error ? error.message : error);
  return 1;
}

function codeOf(signal: (typeof SIGNALS)[number]): number {
  return 128 + constants.signals[signal];
}
