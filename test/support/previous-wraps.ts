import { expect } from 'vitest';
import type { KeyWrap, LiveDekRow } from '../../src/adapters.js';
import { setup, type Setup } from './encryptor.js';
import { alterRow, envKeys, rewrap, rows, targetOf, withKeys, writeNotes } from './rotations.js';

/** Notes that were rotated from `a` to `b`, and who did it. */
export async function rotated(count: number): Promise<readonly [Setup, Setup]> {
  const made = setup();
  await writeNotes(made, count);
  const operator = withKeys(made, ['b', 'a']);
  await rewrap(operator);
  return [made, operator];
}

export async function liveRows(made: Setup): Promise<readonly LiveDekRow[]> {
  return (await rows(made)) as readonly LiveDekRow[];
}

export function wrapOf({
  wrappedDek,
  wrapAlgorithm,
  keyProvider,
  mekName,
  mekVersion,
}: KeyWrap): KeyWrap {
  return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
}

/** A wrap under the MEK that holds another key. */
async function wrongWrap(name: 'a' | 'b'): Promise<Pick<KeyWrap, 'wrappedDek'>> {
  const { wrappedDek } = await envKeys(name).wrapKey(Buffer.alloc(32, 3), await targetOf(name));
  return { wrappedDek };
}

export async function withoutPreviousWrap(made: Setup, dekId: string): Promise<void> {
  const item = await made.memory.get(dekId);
  const { previousWrap, ...row } = item?.value as LiveDekRow;
  expect(previousWrap).toBeDefined();
  await made.memory.replace(row, item?.etag ?? '');
}

export async function breakPreviousWrap(
  made: Setup,
  { id, previousWrap }: LiveDekRow,
): Promise<void> {
  await alterRow(made, id, { previousWrap: { ...previousWrap, ...(await wrongWrap('a')) } });
}
