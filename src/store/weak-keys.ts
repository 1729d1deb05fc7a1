/** Keys that were not generated at random: what they must not be used for, and the warnings. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { describeMek, type MekReference } from '../format/dek-row.js';
import type { ReadinessWarning } from '../provider/readiness-warning.js';
import type { DekStore } from './dek-store.js';
import { recordKeysOf } from './authenticate-records.js';

const REMEDY = 'make a random one with "openssl rand -base64 32"';

/**
 * @throws FieldEncryptionError `KEY_WEAK`: existing rows stay usable under such a key, and no new use begins.
 */
export function requireStrongMek(
  providers: ConfiguredProviders,
  mek: MekReference,
  use: 'new product' | 'target',
): void {
  const weakness = providers.weaknessOf(mek);
  if (weakness === undefined) return;
  const refusal =
    use === 'target' ? 'cannot be the target of a rotation' : 'cannot start a new product';
  throw new FieldEncryptionError(
    'KEY_WEAK',
    `The MEK ${describeMek(mek)} ${weakness}, and ${refusal}: ${REMEDY}`,
  );
}

/** Warnings for configured weak keys, whether rows still need them or not. */
export function weakKeyWarnings(
  providers: ConfiguredProviders,
  dekStore: DekStore,
): readonly ReadinessWarning[] {
  const meks = providers.weakMeks().map(({ mek, weakness }): ReadinessWarning => {
    const name = describeMek(mek);
    const message = `The MEK ${name} ${weakness}: ${REMEDY}, rotate to it, and remove this one`;
    return { code: 'MEK_WEAK', message };
  });
  const keys = recordKeysOf(dekStore).flatMap(({ id, weakness }): ReadinessWarning[] => {
    if (weakness === undefined) return [];
    const message = `The record key ${id} ${weakness}: ${REMEDY}, reseal all records under it, and remove this one`;
    return [{ code: 'RECORD_KEY_WEAK', message }];
  });
  return [...meks, ...keys];
}

/** @throws RangeError where one key has two uses: its holder in one use could forge in the other. */
export function requireRecordKeysApart(providers: ConfiguredProviders, dekStore: DekStore): void {
  for (const { id, asMekVersion } of recordKeysOf(dekStore)) {
    const mek = providers.localMeks().find(({ mekVersion }) => mekVersion === asMekVersion);
    if (mek === undefined) continue;
    throw new RangeError(
      `The record key ${id} is also the MEK ${describeMek(mek)}: make another record key`,
    );
  }
}
