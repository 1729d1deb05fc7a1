/** Opens the wrap of every row, and writes nothing. @module */
import { randomBytes } from 'node:crypto';
import {
  type EncryptionContext,
  EnvKeyProvider,
  isFieldEncryptionError,
  rewrapAllDeks,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../../command-line/exit-codes.js';
import { driveRun } from '../../driving/drive-run.js';
import { exitCodeOf } from '../../driving/exit-code-of.js';
import type { Finding } from '../../report/mode-report.js';
import type { ModeContext } from '../mode.js';
import { countingDryRun } from '../run-flags.js';
import { tapped } from '../tapped.js';
import { commandOn, errorText, plural } from './findings.js';

const count = z.number().int().min(0);

export const openedWrapsSchema = z.strictObject({
  scanned: count,
  /** Opened with the row's own wrap, and equal to its commitment. */
  opened: count,
  /** Only the earlier wrap opens, which the row keeps. */
  onlyEarlierWrap: count,
  failed: count,
  vaultOps: count.optional(),
});

export interface OpenedWraps {
  readonly counts?: z.output<typeof openedWrapsSchema>;
  readonly finding: Finding;
}

const CHECK = 'wraps';

/**
 * The dry run of a rotation opens each row that it would move. Its target is a key that is made here and
 * forgotten afterwards: no row is on it, so every row is opened, and nothing is wrapped for any service.
 */
export async function openEveryWrap(
  context: ModeContext,
  encryption: EncryptionContext,
): Promise<OpenedWraps> {
  const { signal } = context;
  const events = await dryRun(context, encryption);
  let repaired = 0;
  // The summary of a dry run counts no repairs.
  const looked = tapped(events, (event) => {
    if (event.type === 'would-change' && event.repaired) repaired += 1;
  });
  try {
    // A copy: nothing begins that could have been written.
    const { summary } = await driveRun({ ...context }, 'open wraps', looked);
    if (!summary) return stopped(signal);
    const { scanned, failed, wouldChange, vaultOps } = summary;
    const counts = {
      scanned,
      opened: wouldChange - repaired,
      onlyEarlierWrap: repaired,
      failed,
      ...(vaultOps !== undefined && { vaultOps }),
    };
    return { counts, finding: findingOf(context, counts) };
  } catch (error) {
    const isAnswer = isFieldEncryptionError(error) && exitCodeOf(error, false) === EXIT.findings;
    if (signal.aborted || !isAnswer) throw error;
    return { finding: { level: 'fail', check: CHECK, message: errorText(error) } };
  }
}

/** @throws TypeError or RangeError for a budget that is no budget. */
async function dryRun(
  context: ModeContext,
  encryption: EncryptionContext,
): Promise<ReturnType<typeof rewrapAllDeks>> {
  const target = new EnvKeyProvider({
    id: `verify-${randomBytes(8).toString('hex')}`,
    key: randomBytes(32).toString('hex'),
  });
  const mekVersion = await target.currentVersion();
  return rewrapAllDeks(
    { ...encryption, keyProviders: [...encryption.keyProviders, target] },
    {
      ...countingDryRun(context),
      target: { keyProvider: target.id, mekVersion },
      takeOver: true,
    },
  );
}

function stopped({ reason }: AbortSignal): never {
  throw reason as Error;
}

function findingOf(
  context: ModeContext,
  { opened, onlyEarlierWrap, failed }: NonNullable<OpenedWraps['counts']>,
): Finding {
  if (failed > 0) {
    const message = `${plural(failed, 'row')} cannot be opened, ${plural(opened, 'row')} can`;
    return { level: 'fail', check: CHECK, message, command: commandOn(context, 'doctor') };
  }
  if (onlyEarlierWrap > 0) {
    return {
      level: 'fail',
      check: CHECK,
      message: `${plural(onlyEarlierWrap, 'row')} can be opened only with the earlier wrap, ${plural(opened, 'row')} with their own`,
      action: 'A rotation to another version replaces such wraps:',
      command: commandOn(context, 'rewrap-deks', { 'new-mek-version': 'VERSION' }),
    };
  }
  const message = `${plural(opened, 'wrap')} opened, each equal to the commitment of its row`;
  return { level: 'ok', check: CHECK, message };
}
