/** Keys as the protocol writes them. @module */
import type { KeyVersion } from './key-versions.js';
import { newestOf, type StoredKey } from './vault.js';

type Json = Readonly<Record<string, unknown>>;

const RECOVERABLE_DAYS = 90;
const DAY_MS = 86_400_000;

export function keyId(origin: string, name: string, version?: string): string {
  const key = `${origin}/keys/${name}`;
  return version === undefined ? key : `${key}/${version}`;
}

export function bundle(origin: string, name: string, version: KeyVersion): Json {
  const { material, keyOps, tags } = version;
  const kid = keyId(origin, name, version.version);
  return {
    key: { kid, kty: material.type, key_ops: keyOps, ...material.publicJwk },
    attributes: attributes(version),
    tags,
  };
}

export function deletedBundle(origin: string, key: StoredKey): Json {
  return { ...bundle(origin, key.name, newestOf(key)), ...deletion(origin, key) };
}

export function versionItem(origin: string, name: string, version: KeyVersion): Json {
  const kid = keyId(origin, name, version.version);
  return { kid, attributes: attributes(version), tags: version.tags };
}

export function keyItem(origin: string, key: StoredKey): Json {
  return { ...versionItem(origin, key.name, newestOf(key)), kid: keyId(origin, key.name) };
}

export function deletedItem(origin: string, key: StoredKey): Json {
  return { ...keyItem(origin, key), ...deletion(origin, key) };
}

function deletion(origin: string, { name, deletedOn = new Date(0) }: StoredKey): Json {
  return {
    recoveryId: `${origin}/deletedkeys/${name}`,
    deletedDate: seconds(deletedOn),
    scheduledPurgeDate: seconds(new Date(deletedOn.getTime() + RECOVERABLE_DAYS * DAY_MS)),
  };
}

function attributes({ enabled, ...dates }: KeyVersion): Json {
  const { createdOn, updatedOn, expiresOn, notBefore } = dates;
  return {
    enabled,
    created: seconds(createdOn),
    updated: seconds(updatedOn),
    ...(expiresOn && { exp: seconds(expiresOn) }),
    ...(notBefore && { nbf: seconds(notBefore) }),
    recoveryLevel: 'Recoverable+Purgeable',
    recoverableDays: RECOVERABLE_DAYS,
  };
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
