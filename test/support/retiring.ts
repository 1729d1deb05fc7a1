import type { LiveDekRow } from '../../src/adapters.js';
import {
  assertRetirable,
  MekStillNeededError,
  type AssertRetirableOptions,
  type RetirementReason,
  type RetirementReport,
} from '../../src/index.js';
import type { Setup } from './encryptor.js';
import { rejection } from './failure.js';
import { rotated } from './previous-wraps.js';
import { prune } from './pruning.js';
import { alterRow, ended, targetOf, versionOf } from './rotations.js';

export const DAY_MS = 86_400_000;

export async function ask(
  { encryptor, clock }: Setup,
  options: Partial<AssertRetirableOptions> = {},
): Promise<RetirementReport> {
  const mek = await targetOf('a');
  return ended(assertRetirable(encryptor, { mek, backupWindowMs: 0, ...options }), clock);
}

export async function reasonsOf(
  made: Setup,
  options: Partial<AssertRetirableOptions> = {},
): Promise<readonly RetirementReason[]> {
  const error = await rejection(ask(made, options));
  if (error instanceof MekStillNeededError) return error.reasons;
  throw error;
}

/** Rotated from `a` to `b`, and pruned. */
export async function left(count = 3): Promise<readonly [Setup, Setup]> {
  const [made, operator] = await rotated(count);
  await prune(operator);
  operator.store.reset();
  operator.provider.reset();
  return [made, operator];
}

/** The row as it would be if it had never been moved. */
export async function putBack(made: Setup, { id }: Pick<LiveDekRow, 'id'>): Promise<void> {
  await alterRow(made, id, { mekVersion: await versionOf('a'), epoch: 1 });
}
