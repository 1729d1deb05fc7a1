/** Goes back to an earlier MEK version. @module */
import type { EncryptionContext } from '../run/run-context.js';
import { rotate, readRollbackOptions, type RollbackRotationOptions } from './rewrap-all-deks.js';
import type { RewrapEvent, RewrapSummary } from './rewrap-event.js';

/**
 * Brings every DEK of a product back under an earlier MEK version, beside live traffic: for a rotation that
 * was a mistake, whether or not it is finished.
 *
 * It is a rotation like any other, with the next epoch, a fence, scans and a verification, driven and resumed
 * like {@link rewrapAllDeks}. The difference: a row whose `previousWrap` is under the target flips. That wrap
 * is restored and the other is kept in its place, without a call to the key provider. So a rollback is fast,
 * and works for such rows even if the version to leave cannot be reached. Rows that were created since, or
 * pruned, are rewrapped.
 *
 * Before it begins, the target wraps and unwraps a random key, and unwraps one wrap that is stored under it;
 * if either fails, nothing is written. Wraps that flip are not opened one by one unless `verifyFlips` is set:
 * a dry run opens all of them. One that turns out to be broken later is repaired from the wrap that the row
 * kept, by a rotation to another version or another rollback.
 *
 * Without `takeOver`, an unfinished rotation can be rolled back to the version that it came from; any other
 * target needs `takeOver`. A process that still rewraps in the other direction stops with
 * `ROTATION_SUPERSEDED`.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events like those of {@link rewrapAllDeks}; `changed` says whether a row was `flipped`.
 * @throws TypeError or RangeError for invalid options, and for a target that the product never used: use
 *   {@link rewrapAllDeks}.
 * @throws TamperedError where nothing that is stored under the target opens. Otherwise what {@link
 *   rewrapAllDeks} throws; failures of the target occur before anything is written.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import {
 *   createFieldEncryptor, defineDocument, EnvKeyProvider, rewrapAllDeks, rollbackRotation,
 * } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const [oldKey, newKey] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const before = new EnvKeyProvider({ key: oldKey });
 * const shared = { product: 'notelett', dekStore: new MemoryDekStore(), fenceTtlMs: 1_000 };
 * const writer = createFieldEncryptor({ ...shared, keyProviders: [before] });
 * await writer.encryptDocument(note, { id: 'n1', body: 'Hello' });
 *
 * const provider = new EnvKeyProvider({ key: newKey, previousKeys: [oldKey] });
 * const encryptor = createFieldEncryptor({ ...shared, keyProviders: [provider] });
 * const target = { mekVersion: await provider.currentVersion() };
 * for await (const event of rewrapAllDeks(encryptor, { target })) {
 *   if (event.type === 'changed') break; // this looks wrong
 * }
 * const back = { mekVersion: await before.currentVersion() };
 * for await (const event of rollbackRotation(encryptor, { target: back })) {
 *   if (event.type === 'changed') console.log(event.flipped); // true
 * }
 * ```
 */
export function rollbackRotation(
  encryption: EncryptionContext,
  options: RollbackRotationOptions,
): AsyncGenerator<RewrapEvent, RewrapSummary, void> {
  return rotate('rollbackRotation', encryption, (providers) =>
    readRollbackOptions(options, providers),
  );
}
