/** The versions of one key. @module */
import { randomBytes } from 'node:crypto';
import type { KeyType, KeyMaterial } from './key-material.js';

export interface VersionOptions {
  readonly enabled?: boolean | undefined;
  /** `null` takes it away. */
  readonly expiresOn?: Date | null | undefined;
  /** `null` takes it away. */
  readonly notBefore?: Date | null | undefined;
  readonly keyOps?: readonly string[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export interface KeyVersion {
  /** 32 hexadecimal digits, in no order. */
  readonly version: string;
  readonly material: KeyMaterial;
  readonly enabled: boolean;
  readonly expiresOn: Date | undefined;
  readonly notBefore: Date | undefined;
  readonly keyOps: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly createdOn: Date;
  readonly updatedOn: Date;
}

export function newVersion(material: KeyMaterial, options: VersionOptions, now: Date): KeyVersion {
  const { enabled = true, expiresOn, notBefore, keyOps, tags = {} } = options;
  return {
    version: randomBytes(16).toString('hex'),
    material,
    enabled,
    expiresOn: expiresOn ?? undefined,
    notBefore: notBefore ?? undefined,
    keyOps: keyOps ?? usualOps(material.type),
    tags,
    createdOn: now,
    updatedOn: now,
  };
}

/** Options that are absent change nothing. */
export function updatedVersion(old: KeyVersion, options: VersionOptions, now: Date): KeyVersion {
  const { enabled = old.enabled, keyOps = old.keyOps, tags = old.tags } = options;
  return {
    ...old,
    enabled,
    keyOps,
    tags,
    expiresOn: changed(old.expiresOn, options.expiresOn),
    notBefore: changed(old.notBefore, options.notBefore),
    updatedOn: now,
  };
}

/** Between `notBefore` and `expiresOn`, where it has them. */
export function isCurrent({ notBefore, expiresOn }: KeyVersion, now: Date): boolean {
  return (!notBefore || notBefore <= now) && (!expiresOn || now < expiresOn);
}

function changed(old: Date | undefined, to: Date | null | undefined): Date | undefined {
  return to === undefined ? old : (to ?? undefined);
}

function usualOps(kind: KeyType): readonly string[] {
  switch (kind) {
    case 'EC':
    case 'EC-HSM':
      return ['sign', 'verify'];
    case 'oct':
    case 'oct-HSM':
      return ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'];
    default:
      return ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
  }
}
