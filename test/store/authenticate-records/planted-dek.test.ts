import { placeOf } from '../../../src/document/document-draft.js';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fieldCipher } from '../../../src/cipher/field-cipher.js';
import type { ActiveDekRow } from '../../../src/adapters.js';
import type { Envelope, KeyProvider } from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Setup,
  type SetupOptions,
} from '../../support/encryptor.js';
import { failure, tampered } from '../../support/failure.js';
import { RECORD_KEY } from '../../support/records.js';
import { activeRow } from '../../support/rows.js';
import { RsaKeyProvider, rsaWrap } from '../../support/rsa-key-provider.js';
import { dekOf } from '../../support/deks.js';

const VERSION = '0123456789abcdef0123456789abcdef';
const pem = { type: 'pkcs8', format: 'pem' } as const;
const privateKeyPem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem);
const publicKeyPem = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' });

/** Knows what anyone may know of the MEK, and writes to the database. */
const attacker = {
  id: 'akv',
  mekName: 'notelett-mek',
  wrapAlgorithm: 'RSA-OAEP-256',
  wrapKey: (dek: Uint8Array, { mekVersion }: { mekVersion: string }) =>
    Promise.resolve({
      wrappedDek: rsaWrap(String(publicKeyPem), dek),
      wrapAlgorithm: 'RSA-OAEP-256',
      keyProvider: 'akv',
      mekName: 'notelett-mek',
      mekVersion,
    }),
} as unknown as KeyProvider;
const KNOWN_DEK = Buffer.alloc(32, 'known to the attacker');

function product(options: SetupOptions = {}): Setup {
  const rsa = new RsaKeyProvider({ privateKeyPem: String(privateKeyPem), versions: [VERSION] });
  return setup({ keyProviders: [rsa], ...options });
}

/** A row that the library itself would have written just so, around a DEK that was chosen. */
function plantedRow(generation: number): Promise<ActiveDekRow> {
  return activeRow({
    parts: ['notes', KEY.workspaceId, KEY.id],
    generation,
    dek: Buffer.from(KNOWN_DEK),
    keyProvider: attacker,
    mekVersion: VERSION,
  });
}

function knownCipher(dekId: string): ReturnType<typeof fieldCipher> {
  const dek = dekOf(PRODUCT, dekId, Buffer.from(KNOWN_DEK));
  return fieldCipher(dek, placeOf(note, PRODUCT, KEY));
}

const body = note.declaredField('body');

async function withPlanted(options: SetupOptions): Promise<readonly [Setup, ActiveDekRow]> {
  const made = product(options);
  await encryptAny(made.encryptor, { ...KEY, body: 'of the owner' });
  const planted = await plantedRow(2);
  await made.memory.create(planted);
  return [product({ ...options, beside: made }), planted];
}

function refusal(dekId: string): ReturnType<typeof tampered> {
  return tampered(
    `DEK row ${dekId} has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently`,
  );
}

describe('a DEK that was wrapped with the public key and planted', () => {
  it('is sealed under, and read by the attacker who planted it, without a record key', async () => {
    const [victim, planted] = await withPlanted({});
    const stored = await encryptAny(victim.encryptor, { ...KEY, body: 'a secret' });
    const envelope = stored['body'] as Envelope;
    expect(envelope.dekId).toBe(planted.id);
    expect(knownCipher(planted.id).open(body, envelope)).toBe('a secret');
  });

  it('opens what was forged under it, without a record key', async () => {
    const [victim, planted] = await withPlanted({});
    const forged = knownCipher(planted.id).seal(body, { marker: 1, payload: 'forged' }, VERSION);
    expect(await decryptAny(victim.encryptor, { ...KEY, body: forged })).toMatchObject({
      body: 'forged',
    });
  });

  it('is refused with one: nothing is sealed, and nothing forged is opened', async () => {
    const [victim, planted] = await withPlanted({ recordKey: RECORD_KEY });
    const writing = encryptAny(victim.encryptor, { ...KEY, body: 'a secret' });
    expect(await failure(writing)).toEqual(refusal(planted.id));
    const forged = knownCipher(planted.id).seal(body, { marker: 1, payload: 'forged' }, VERSION);
    expect(await failure(decryptAny(victim.encryptor, { ...KEY, body: forged }))).toEqual(
      refusal(planted.id),
    );
  });

  it('is accepted for as long as records without a mac are: that is what the option says', async () => {
    const [victim, planted] = await withPlanted({
      recordKey: RECORD_KEY,
      insecureAcceptUnauthenticatedRecords: true,
    });
    const stored = await encryptAny(victim.encryptor, { ...KEY, body: 'a secret' });
    expect((stored['body'] as Envelope).dekId).toBe(planted.id);
  });
});
