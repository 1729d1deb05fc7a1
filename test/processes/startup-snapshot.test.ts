import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);

async function node(...args: readonly string[]): Promise<string> {
  return (await run(process.execPath, args)).stdout;
}

interface Made {
  readonly nonces: readonly string[];
  readonly etags: readonly string[];
}

interface Process {
  /** While the snapshot was built: the same in every process. */
  readonly built: Made;
  readonly started: Made;
}

let folder: string;
const processes: Process[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'field-encrypt-snapshot-'));
  await build({
    config: false,
    silent: true,
    entry: { entry: join(import.meta.dirname, 'snapshot-entry.ts') },
    outDir: folder,
    format: 'cjs',
    target: 'node20',
    splitting: false,
    removeNodeProtocol: false,
  });
  const blob = join(folder, 'snapshot.blob');
  await node('--snapshot-blob', blob, '--build-snapshot', join(folder, 'entry.cjs'));
  for (let start = 0; start < 3; start += 1) {
    processes.push(JSON.parse(await node('--snapshot-blob', blob)) as Process);
  }
});

afterAll(() => rm(folder, { recursive: true }));

describe('processes that start from one V8 startup snapshot', () => {
  it('start from what was sealed while it was built', () => {
    const [first, ...others] = processes;
    expect(first?.built.nonces).toHaveLength(20);
    for (const { built } of others) expect(built).toEqual(first?.built);
  });

  it.each(['nonces', 'etags'] as const)(
    'share no %s, with the build nor with each other',
    (what) => {
      const all = [
        ...(processes[0]?.built[what] ?? []),
        ...processes.flatMap(({ started }) => started[what]),
      ];
      expect(all.length).toBeGreaterThan(3);
      expect(new Set(all).size).toBe(all.length);
    },
  );
});
