/** The state of one version of the MEK in a key vault, and whether it may wrap DEKs. @module */
import type { KeyVaultKey } from '@azure/keyvault-keys';
import type { KeyObject } from 'node:crypto';
import { importRsaPublicKey, rsaMisfitOf } from '../../crypto/rsa-oaep.js';
import { KeyProviderError } from '../../errors/errors.js';
import { describeMek, type WrapAlgorithm } from '../../format/dek-row.js';
import type { AkvSettings } from './akv-options.js';

export interface MekState {
  readonly mekVersion: string;
  readonly isEnabled: boolean;
  readonly notBeforeMs: number | undefined;
  readonly expiresMs: number | undefined;
  /** Why the version never wraps DEKs, whatever its dates; `undefined` for a suitable version. */
  readonly misfit: string | undefined;
  /** Absent for a key that is not RSA, or is unsuitable. */
  readonly publicKey: KeyObject | undefined;
  /** Length of each wrap of the key; absent when `publicKey` is. */
  readonly wrapBytes: number | undefined;
  /** The documented quota of a vault for keys like this one. */
  readonly opsPerSecond: number | undefined;
}

const KEY_TYPES: Readonly<Record<WrapAlgorithm, readonly unknown[]>> = {
  'RSA-OAEP-256': ['RSA', 'RSA-HSM'],
  A256KW: ['oct', 'oct-HSM'],
};
const NEEDED_OPERATIONS = ['unwrapKey', 'wrapKey'];

export function mekStateOf(
  key: KeyVaultKey,
  mekVersion: string,
  algorithm: WrapAlgorithm,
): MekState {
  const { enabled, notBefore, expiresOn } = key.properties;
  const misfit = misfitOf(key, algorithm);
  const { n, e } = key.key ?? {};
  const isUsable = algorithm === 'RSA-OAEP-256' && misfit === undefined && n && e;
  return {
    mekVersion,
    isEnabled: enabled !== false,
    notBeforeMs: notBefore?.getTime(),
    expiresMs: expiresOn?.getTime(),
    misfit,
    publicKey: isUsable ? importRsaPublicKey(n, e) : undefined,
    wrapBytes: isUsable ? bitLength(n) / 8 : undefined,
    opsPerSecond: documentedOpsPerSecond(key.keyType, bitLength(n)),
  };
}

function misfitOf(
  { keyType, keyOperations, key }: KeyVaultKey,
  algorithm: WrapAlgorithm,
): string | undefined {
  if (!KEY_TYPES[algorithm].includes(keyType)) {
    return `is of the type ${String(keyType)}, and ${algorithm} needs ${KEY_TYPES[algorithm].join(' or ')}`;
  }
  const misfit =
    algorithm === 'RSA-OAEP-256' ? rsaMisfitOf(bitLength(key?.n), integerIn(key?.e)) : undefined;
  if (misfit !== undefined) return misfit;
  const missing = NEEDED_OPERATIONS.filter((each) => keyOperations?.includes(each) === false);
  return missing.length > 0 ? `does not permit ${missing.join(' and ')}` : undefined;
}

function bitLength(modulus: Uint8Array | undefined): number {
  return integerIn(modulus).toString(2).length;
}

function integerIn(bytes: Uint8Array | undefined): bigint {
  return BigInt(`0x0${Buffer.from(bytes ?? []).toString('hex')}`);
}

/** Refuses the version before anything is wrapped or written. */
export function requireWrappable(
  { mekVersion, isEnabled, notBeforeMs = -Infinity, expiresMs = Infinity, misfit }: MekState,
  { id: keyProvider, mekName, clock }: AkvSettings,
): void {
  const name = describeMek({ keyProvider, mekName, mekVersion });
  const nowMs = clock.wallMs();
  if (!isEnabled) {
    throw new KeyProviderError(
      'MEK_DISABLED',
      `The MEK ${name} is disabled: enable that version again, or rotate to another`,
    );
  }
  if (misfit !== undefined) {
    throw new KeyProviderError(
      'MEK_UNSUPPORTED',
      `The MEK ${name} ${misfit}: create a suitable version, and rotate to it`,
    );
  }
  if (nowMs >= expiresMs || nowMs < notBeforeMs) {
    const what = nowMs >= expiresMs ? 'has expired' : 'is not yet valid';
    throw new KeyProviderError(
      'MEK_NOT_VALID_NOW',
      `The MEK ${name} ${what}: it unwraps, but wraps no DEK; rotate to another version, or change its dates`,
    );
  }
}

/**
 * Operations in ten seconds for software and HSM keys; all operations on a vault count together, by these
 * weights.
 */
const OPS_IN_10_S: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  RSA: { 2048: 4_000, 3072: 1_000, 4096: 500 },
  'RSA-HSM': { 2048: 2_000, 3072: 500, 4096: 250 },
};
const MANAGED_HSM = /\.managedhsm\.[a-z.]+$/;

/** `undefined` for a key without a documented quota. */
export function documentedOpsPerSecond(
  keyType: string | undefined,
  modulusBits: number,
): number | undefined {
  const inTenSeconds = OPS_IN_10_S[keyType ?? '']?.[modulusBits];
  return inTenSeconds === undefined ? undefined : inTenSeconds / 10;
}

/** A Managed HSM throttles no cryptography; its keys have the same types as those of a vault. */
export function isManagedHsm(vaultUrl: string): boolean {
  return MANAGED_HSM.test(new URL(vaultUrl).hostname);
}
