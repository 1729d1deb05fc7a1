import { expect } from 'vitest';
import {
  resealRecords,
  type MaintenanceEvent,
  type RunOptions,
  type MaintenanceSummary,
} from '../../src/index.js';
import { decryptAny, KEY, note, setup, type Setup, type SetupOptions } from './encryptor.js';
import { describeError } from './failure.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY } from './records.js';
import { record, rows, writeNotes } from './rotations.js';

/** Takes records without a mac, for the time of a reseal. */
export const accepting = { recordKey: RECORD_KEY, insecureAcceptUnauthenticatedRecords: true };
export const required = { recordKey: RECORD_KEY };
/** After the record key was changed. */
export const changed = { recordKey: RECORD_KEY, previousRecordKeys: [PREVIOUS_RECORD_KEY] };

export interface Resealed {
  readonly events: readonly MaintenanceEvent[];
  readonly summary: MaintenanceSummary;
}

export async function reseal({ encryptor }: Setup, options?: RunOptions): Promise<Resealed> {
  const events: MaintenanceEvent[] = [];
  for await (const event of resealRecords(encryptor, options)) events.push(event);
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return { events, summary: last.summary };
}

export function failures({ events }: Resealed): readonly unknown[] {
  return events.flatMap((event) => (event.type === 'failed' ? [describeError(event.error)] : []));
}

/** Rows of every state under the options given, with one tombstone among them. */
export async function seeded(
  options: SetupOptions = {},
): Promise<readonly [Setup, readonly object[]]> {
  const made = setup(options);
  const stored = await writeNotes(made, 4);
  await made.encryptor.shred(note, { ...KEY, id: 'note-3' });
  return [made, stored.slice(0, 3)];
}

export async function keyIds(made: Setup): Promise<readonly (string | undefined)[]> {
  const all = [...(await rows(made)), await record(made)];
  return [...new Set(all.map(({ macKeyId }) => macKeyId))];
}

export function withoutMac(row: object): object {
  const others = Object.entries(row).filter(([name]) => name !== 'mac' && name !== 'macKeyId');
  return Object.fromEntries(others);
}

export async function readsAll(reader: Setup, stored: readonly object[]): Promise<void> {
  for (const each of stored) {
    expect(await decryptAny(reader.encryptor, each)).toMatchObject({ tags: ['x', 'y'] });
  }
}
