/** What the rotation will take, by its own dry run. @module */
import {
  type EncryptionContext,
  isFieldEncryptionError,
  rewrapAllDeks,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { formatDuration } from '../../command-line/durations.js';
import { driveRun } from '../../driving/drive-run.js';
import type { Finding } from '../../report/mode-report.js';
import { commandOn, errorText, plural } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { countingDryRun, defined } from '../run-flags.js';
import { fail, ok } from './line.js';
import type { Side } from './mek-checks.js';

const count = z.number().int().min(0);

export const estimateSchema = z.strictObject({
  rows: count,
  vaultOps: count,
  requestUnits: z.number().min(0).optional(),
  /** Without the fence, the store and the network; absent where no rate is known. */
  leastMs: count.optional(),
  /** Rows that cannot be moved. */
  failed: count,
});

export interface Estimated {
  readonly estimate?: z.output<typeof estimateSchema>;
  readonly finding: Finding;
}

const CHECK = 'estimate';

export async function estimateRotation(
  context: ModeContext,
  encryption: EncryptionContext,
  { mek }: Side,
): Promise<Estimated> {
  const { flags, signal } = context;
  const events = rewrapAllDeks(encryption, {
    ...countingDryRun(context),
    target: mek,
    ...defined({ sourceVersion: flags['old-mek-version'] }),
  });
  try {
    // A copy: nothing begins that could have been written.
    const { summary } = await driveRun({ ...context }, 'estimate', events);
    signal.throwIfAborted();
    if (!summary?.estimate) throw new TypeError('The dry run has no estimate');
    const estimate = { ...summary.estimate, failed: summary.failed };
    return { estimate, finding: findingOf(context, estimate) };
  } catch (error) {
    signal.throwIfAborted();
    if (!isFieldEncryptionError(error) && !(error instanceof RangeError)) throw error;
    return { finding: fail(CHECK, `The rotation would be refused: ${errorText(error)}`) };
  }
}

function findingOf(context: ModeContext, estimate: z.output<typeof estimateSchema>): Finding {
  const { rows, vaultOps, requestUnits, leastMs, failed } = estimate;
  if (failed > 0) {
    return fail(CHECK, `${plural(failed, 'row')} cannot be rewrapped`, {
      command: commandOn(context, 'doctor'),
    });
  }
  const parts = [
    plural(rows, 'row'),
    plural(vaultOps, 'vault operation'),
    requestUnits === undefined ? '' : plural(Math.ceil(requestUnits), 'request unit'),
    leastMs === undefined ? '' : `at least ${formatDuration(leastMs)}`,
  ].filter((part) => part !== '');
  return ok(CHECK, parts.join(', '));
}
