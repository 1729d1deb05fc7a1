/** DEK rows that cannot be read. @module */
import { findUnreadableRows, isFieldEncryptionError } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import { reportedErrorSchema } from '../../report/reported-error.js';
import { commandOn, errorText, plural } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { defined } from '../run-flags.js';
import { Examples, MOST_EXAMPLES, searched } from './examples.js';

const count = z.number().int().min(0);

export const unreadableSchema = z.strictObject({
  scanned: count,
  unreadable: count,
  /** The first ten. */
  examples: z.array(z.strictObject({ dekId: z.string(), error: reportedErrorSchema })),
});

interface UnreadableRow {
  readonly dekId: string;
  readonly error: unknown;
}

export interface UnreadableRows {
  readonly scanned: number;
  readonly unreadable: number;
  readonly examples: readonly UnreadableRow[];
}

export async function unreadableRows(
  { signal, flags }: ModeContext,
  product: OpenProduct,
): Promise<UnreadableRows> {
  const examples = new Examples<UnreadableRow>();
  const options = { signal, allowEmpty: true, ...defined({ concurrency: flags.concurrency }) };
  const events = findUnreadableRows(await product.search(), options);
  const { scanned, unreadable } = await searched(events, (event) => {
    if (event.type === 'unreadable') examples.add({ dekId: event.dekId, error: event.error });
  });
  return { scanned, unreadable, examples: examples.list };
}

export function unreadableFindings(
  context: ModeContext,
  { unreadable, examples }: UnreadableRows,
): readonly Finding[] {
  const check = 'unreadable-rows';
  const found = examples.map(({ dekId, error }): Finding => ({
    level: 'fail',
    check,
    message: `The row ${dekId} cannot be read: ${errorText(error)}`,
    ...adviceFor(context, dekId, error),
  }));
  if (unreadable <= MOST_EXAMPLES) return found;
  const message = `${plural(unreadable - MOST_EXAMPLES, 'more row')} cannot be read, ${plural(unreadable, 'row')} in all`;
  return [
    ...found,
    { level: 'fail', check, message, action: 'Run this again after the first ten.' },
  ];
}

/** A row that only this configuration or version cannot read is not to be given up. */
function adviceFor(
  context: ModeContext,
  dekId: string,
  error: unknown,
): Pick<Finding, 'action' | 'command'> {
  const code = isFieldEncryptionError(error) ? error.code : undefined;
  if (code === 'RECORD_KEY_UNKNOWN')
    return {
      action:
        'The row is whole. Add the record key that it names to "previousRecordKeys", and run this again.',
    };
  if (code === 'ROW_UNSUPPORTED')
    return { action: 'The row may be whole. Do what the message says, and run this again.' };
  return {
    action:
      'Restore the item from a backup of the store. Where no backup has it, put a tombstone in its place:',
    command: commandOn(context, 'abandon', { 'dek-id': [dekId], evidence: `${dekId}.json` }),
  };
}
