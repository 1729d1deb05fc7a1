/** The rules of `KeyProvider`, as cases to run against any implementation. @module */
import {
  bindCases,
  type ContractCase,
  type SubjectCase,
  type KeyProviderSubject,
} from './contract-case.js';
import { KEY_LOCAL_CASES, KEY_REFUSAL_CASES } from './key-refusal-contract.js';
import { KEY_PACING_CASES } from './key-pacing-contract.js';
import { KEY_SECRECY_CASES } from './key-secrecy-contract.js';
import { KEY_WRAPPING_CASES } from './key-wrapping-contract.js';

/**
 * The contract of {@link KeyProvider}, with at least one case for each rule `K1` to `K13`.
 *
 * Run the cases with any test runner, or without one. Each case gets a subject from `make` and disposes of
 * it. No case prints a key, even when it fails.
 *
 * @param make - Returns a provider with at least two MEK versions, and their names.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { keyProviderContract } from '@bytelyst/field-encrypt/testing';
 *
 * const keys = [randomBytes(32), randomBytes(32)];
 * const [key = '', previous = ''] = keys.map((bytes) => bytes.toString('base64'));
 *
 * const cases = keyProviderContract(async () => {
 *   const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
 *   const old = new EnvKeyProvider({ key: previous });
 *   const mekVersions = [await provider.currentVersion(), await old.currentVersion()];
 *   return { provider, mekVersions, secrets: keys };
 * });
 * for (const { rule, name, run } of cases) {
 *   await run(); // in vitest: it(`${rule} ${name}`, run)
 *   console.log(`${rule} ${name}`);
 * }
 * ```
 */
export function keyProviderContract(
  make: () => KeyProviderSubject | Promise<KeyProviderSubject>,
): readonly ContractCase[] {
  return bindCases(make, CASES, PARTS);
}

const PARTS: readonly (keyof KeyProviderSubject)[] = [
  'provider',
  'mekVersions',
  'unknownVersion',
  'secrets',
  'disturb',
];

const CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  ...KEY_WRAPPING_CASES,
  ...KEY_REFUSAL_CASES,
  ...KEY_SECRECY_CASES,
  ...KEY_PACING_CASES,
  ...KEY_LOCAL_CASES,
];
