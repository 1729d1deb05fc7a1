import { expect } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import {
  recoverDeks,
  type RecoverDeksOptions,
  type RecoveryEvent,
  type RecoverySummary,
} from '../../src/index.js';
import { decryptAny, setup, type Loose, type Setup } from './encryptor.js';
import { liveRows, PAIR, without } from './recovery-pairs.js';
import { alterRow, withKeys, writeNotes } from './rotations.js';
import { runToEnd, type Run } from './run-to-end.js';

export const OURS = { recoveryKey: PAIR.publicKey };

/** A product under MEK `a`, every DEK with its recovery wrap; `a` is lost from here on. */
export async function recoverable(
  count = 3,
): Promise<{ made: Setup; stored: Loose[]; operator: Setup }> {
  const made = setup(OURS);
  const stored = await writeNotes(made, count);
  return { made, stored, operator: withKeys(made, ['b'], OURS) };
}

export async function expectReadable(made: Setup, stored: readonly Loose[]): Promise<void> {
  for (const document of stored) {
    const { encryptor } = withKeys(made, ['b']);
    const id = String(document['id']);
    expect(await decryptAny(encryptor, document)).toMatchObject({ body: `of ${id}` });
  }
}

export function failures(
  events: readonly RecoveryEvent[],
): Extract<RecoveryEvent, { type: 'failed' }>[] {
  return events.filter((event) => event.type === 'failed');
}

export async function rowOf(made: Setup, id: string): Promise<LiveDekRow> {
  const row = (await liveRows(made)).find(({ scope }) => scope.includes(id));
  if (!row) throw new Error(`There is no row of ${id}`);
  return row;
}

export async function alter(made: Setup, id: string, change: Loose): Promise<void> {
  await alterRow(made, (await rowOf(made, id)).id, change);
}

/** As an operator who puts a row back without a property. */
export async function strip(made: Setup, id: string): Promise<void> {
  const row = without(await rowOf(made, id), 'recoveryWrap');
  const item = await made.memory.get(row.id);
  await made.memory.replace(row, item?.etag ?? '');
}

export async function recover(
  made: Setup,
  options: Partial<RecoverDeksOptions> = {},
): Promise<Run<RecoveryEvent, RecoverySummary>> {
  const target = { mekVersion: await made.keyProvider.currentVersion() };
  const { privateKey } = PAIR;
  const work = recoverDeks(made.encryptor, { privateKey, target, ...options });
  return runToEnd(work, made.clock);
}

/** The rows that the last scan found lost, by their last key part. */
export function lostIn(
  events: readonly RecoveryEvent[],
): Readonly<Record<string, string | undefined>> {
  const last = events.findLastIndex(({ type }) => type === 'pass');
  const lost = events
    .slice(last)
    .flatMap((event) => (event.type === 'failed' && event.loss ? [event.loss] : []));
  return Object.fromEntries(lost.map(({ scope, reason }) => [scope?.at(-1) ?? '', reason]));
}
