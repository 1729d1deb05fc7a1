/** Documents to measure with, and for each what a plain loop needs to seal it the same way. @module */
import { createSecretKey, randomBytes } from 'node:crypto';
import {
  createFieldEncryptor,
  DekCache,
  defineDocument,
  EnvKeyProvider,
} from '@bytelyst/field-encrypt';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
import { hkdf, tuple } from './format.mjs';

const PRODUCT = 'bench';
const COLLECTION = 'notes';
const HOUR_MS = 3_600_000;
const MOST_FENCE_TTL_MS = 600_000;
const FIELD_BYTES = 200;
const NAMES = Array.from({ length: 10 }, (_, index) => `field${index}`);

/** Ten fields of a document, or one of it with `cipher.seal` and `cipher.open`. */
export const note = defineDocument()({
  collection: COLLECTION,
  key: ['workspaceId', 'id'],
  fields: NAMES,
});

const provider = new EnvKeyProvider({ key: randomBytes(32).toString('base64') });
const dekStore = new MemoryDekStore();

/** Limits as high as they go: no case is to meet a cold DEK or a stale row. */
export const encryptor = createFieldEncryptor({
  product: PRODUCT,
  keyProviders: [provider],
  dekStore,
  dekCache: new DekCache({ ttlMs: HOUR_MS }),
  fenceTtlMs: MOST_FENCE_TTL_MS,
});

export function asciiText(length) {
  return randomBytes(length).toString('base64url').slice(0, length);
}

/** @returns `{ plain, stored, sealing }`: as the caller has it, as the store does, for the ceiling. */
export async function sampleDocument(index) {
  const id = `note-${index}`;
  const fields = NAMES.map((name) => [name, asciiText(FIELD_BYTES)]);
  const plain = { workspaceId: 'workspace-1', id, ...Object.fromEntries(fields), pinned: false };
  const encrypted = await encryptor.encryptDocument(note, plain);
  return {
    plain,
    stored: JSON.stringify(encrypted),
    sealing: await sealingOf(plain, encrypted.field0),
  };
}

// Put together after docs/format.md and not by the library, so that each checks the other.
async function sealingOf({ workspaceId, id }, { dekId, mekVersion }) {
  const place = [COLLECTION, tuple(workspaceId, id)];
  const dek = await provider.unwrapKey((await dekStore.get(dekId)).value);
  const key = createSecretKey(hkdf(dek, 'field-encrypt/v1/field-key', PRODUCT, dekId, ...place));
  const fields = NAMES.map((name) => ({
    name,
    aad: tuple('field-encrypt/v1/field', PRODUCT, ...place, name, dekId),
  }));
  return { key, dekId, mekVersion, fields };
}
