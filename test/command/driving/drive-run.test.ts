import { PassThrough } from 'node:stream';
import { FieldEncryptionError, systemClock, type RunSummary } from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import { driveRun } from '../../../command/driving/drive-run.js';
import { colorsFor } from '../../../command/report/colors.js';
import { Output } from '../../../command/report/output.js';

const FAILED = {
  type: 'failed',
  key: { workspaceId: 'w1', id: 'n7' },
  error: new FieldEncryptionError('TAMPERED', 'what it is'),
};

const SUMMARY = { run: 'backfill', complete: false } as unknown as RunSummary;

async function* twice(): AsyncGenerator<typeof FAILED, RunSummary, void> {
  await Promise.resolve();
  yield FAILED;
  yield FAILED;
  return SUMMARY;
}

/** What is printed for a document that fails in two scans. */
async function printed(documentKeys: boolean): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const colors = colorsFor({}, { noColor: true, env: {} });
  const output = new Output({
    stdout,
    stderr,
    format: 'jsonl',
    isQuiet: true,
    documentKeys,
    colors: { out: colors, err: colors },
    clock: systemClock,
    vault: () => ({ vaultOps: 0, throttled: 0 }),
    maxVaultOps: undefined,
  });
  const { signal } = new AbortController();
  const run = await driveRun({ output, signal, documentKeys, hasBegun: false }, 'notes', twice());
  expect(run).toEqual({ summary: SUMMARY, wasInterrupted: false });
  return { stdout: String(stdout.read()), stderr: String(stderr.read()) };
}

describe('a document that fails in a run', () => {
  it('is printed once, and its key is neither in the line nor in the events', async () => {
    const { stdout, stderr } = await printed(false);
    expect(stderr).toBe('failed a document (its key: --document-keys): TAMPERED: what it is\n');
    expect(stdout).not.toContain('n7');
  });

  it('is named by its key where that is asked for', async () => {
    const { stdout, stderr } = await printed(true);
    expect(stderr).toBe('failed {"workspaceId":"w1","id":"n7"}: TAMPERED: what it is\n');
    expect(stdout).toContain('"key":{"workspaceId":"w1","id":"n7"}');
  });
});
