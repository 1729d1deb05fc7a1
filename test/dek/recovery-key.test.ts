import { readRotationItem } from '../../src/store/dek-store.js';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseRecoveryKey, RecoveryKey } from '../../src/dek/dek-wraps.js';
import {
  backfillDocuments,
  createFieldEncryptor,
  initEncryption,
  rewrapAllDeks,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import { certificate } from '../support/azure/certificate.js';
import { MEK_HEX, note, PRODUCT } from '../support/encryptor.js';
import { describeError, failure, failureOf } from '../support/failure.js';
import { envKeys, targetOf } from '../support/rotations.js';
import { newPrivateKey, PAIR, pairOf } from '../support/recovery-pairs.js';
import { perLane } from '../support/lane.js';

const PRIVATE =
  'holds a private key: keep that offline, pass the public key alone, and create a new pair if others may have seen it here';
const NO_PEM = 'must be an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----"';

function spkiPem(publicKey: KeyObject): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

function encryptedPem(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encryption = { cipher: 'aes-256-cbc', passphrase: 'x' };
  return privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
}

function pkcs1Pem(privateKey: string): string {
  return createPublicKey(privateKey).export({ type: 'pkcs1', format: 'pem' }).toString();
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
const odd = generateKeyPairSync('rsa', { modulusLength: 2056 });
const weak = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const supported = 'and 2048, 3072, 4096 are supported';

const REFUSED: readonly (readonly [string, string, string])[] = [
  ['a private key', PAIR.privateKey, PRIVATE],
  ['an encrypted private key', encryptedPem(), PRIVATE],
  ['a public key and the private one after it', PAIR.publicKey + PAIR.privateKey, PRIVATE],
  ['a private EC key', ec.privateKey.export({ type: 'sec1', format: 'pem' }).toString(), PRIVATE],
  ['an EC key', spkiPem(ec.publicKey), 'is of the type ec, and RSA-OAEP-256 needs rsa'],
  ['an RSA-PSS key', spkiPem(pss.publicKey), 'is of the type rsa-pss, and RSA-OAEP-256 needs rsa'],
  ['1024 bits', spkiPem(small.publicKey), `has 1024 bits, ${supported}`],
  ['a size that no wrap has', spkiPem(odd.publicKey), `has 2056 bits, ${supported}`],
  ['a weak exponent', spkiPem(weak.publicKey), 'has a public exponent below 65537'],
  ['a certificate', (await certificate()).cert, NO_PEM],
  ['two keys', PAIR.publicKey + PAIR.publicKey, NO_PEM],
  ['a key that is cut', PAIR.publicKey.replace(/\n.{64}\n/, '\n'), NO_PEM],
  ['no PEM', PAIR.publicKey.replaceAll(/-----.*-----/g, ''), NO_PEM],
  ['nothing', '', NO_PEM],
];

describe('a recovery key', () => {
  it.each(perLane([2048], [2048, 3072, 4096]))(
    'of %i bits wraps a DEK for its private key',
    (bits) => {
      const pair = pairOf(newPrivateKey(bits));
      const key = parseRecoveryKey(pair.publicKey) as RecoveryKey;
      expect(key).toBeInstanceOf(RecoveryKey);
      expect(key.id).toBe(pair.id);
      expect(key.wrapFor(undefined, Buffer.alloc(32, 7))).toMatchObject({ recoveryKeyId: pair.id });
    },
  );

  it('has one id in either form of PEM, with any line ends, and with white space around it', () => {
    const forms = [
      PAIR.publicKey,
      pkcs1Pem(PAIR.privateKey),
      PAIR.publicKey.replaceAll('\n', '\r\n'),
      `\n  ${PAIR.publicKey}\n`,
    ];
    for (const pem of forms) expect(parseRecoveryKey(pem)).toMatchObject({ id: PAIR.id });
    const spki = createPublicKey(PAIR.publicKey).export({ type: 'spki', format: 'der' });
    expect(createHash('sha256').update(spki).digest('hex').startsWith(PAIR.id)).toBe(true);
  });

  it('shows its id alone when it is printed', () => {
    const key = parseRecoveryKey(PAIR.publicKey);
    expect(inspect(key, { depth: Infinity, showHidden: true })).toBe(
      `RecoveryKey { id: '${PAIR.id}' }`,
    );
  });

  it.each(REFUSED)(
    'that is %s is refused, in words that give nothing of it away',
    (_name, pem, what) => {
      expect(parseRecoveryKey(pem)).toBe(what);
    },
  );
});

describe('the option recoveryKey', () => {
  const parts = { product: PRODUCT, keyProviders: [envKeys('a')], dekStore: new MemoryDekStore() };

  it('is a property of the encryptor, where it is given', () => {
    const recoveryKey = PAIR.publicKey;
    expect(createFieldEncryptor({ ...parts, recoveryKey }).recoveryKey).toBe(recoveryKey);
    expect('recoveryKey' in createFieldEncryptor(parts)).toBe(false);
  });

  it.each([
    [PAIR.privateKey, 'RangeError', `"recoveryKey" ${PRIVATE}`],
    ['', 'RangeError', `"recoveryKey" ${NO_PEM}`],
    [
      Buffer.from(PAIR.publicKey),
      'TypeError',
      '"recoveryKey" expected an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----", got a class instance',
    ],
    [
      null,
      'TypeError',
      '"recoveryKey" expected an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----", got null',
    ],
  ])(
    'is checked by all functions that take it, before anything happens',
    async (value, name, message) => {
      const recoveryKey = value as string;
      const expected = { name, message };
      expect(failureOf(() => createFieldEncryptor({ ...parts, recoveryKey }))).toEqual(expected);
      const encryption = { ...parts, recoveryKey };
      const rewrapping = rewrapAllDeks(encryption, { target: await targetOf('a') });
      expect(await failure(rewrapping.next())).toEqual(expected);
      const documents = new MemoryDocumentStore({ key: note.key });
      expect(
        await failure(backfillDocuments(encryption, note, documents, { allowEmpty: true }).next()),
      ).toEqual(expected);
      expect(await readRotationItem(parts.dekStore, PRODUCT)).toBeUndefined();
    },
  );
});

describe('FIELD_ENCRYPT_RECOVERY_KEY', () => {
  const env = {
    FIELD_ENCRYPT_ENABLED: 'true',
    FIELD_ENCRYPT_PRODUCT: PRODUCT,
    FIELD_ENCRYPT_KEY_PROVIDER: 'env',
    FIELD_ENCRYPT_KEY: MEK_HEX,
  };

  async function keyFrom(text: string | undefined): Promise<string | undefined> {
    const all = { ...env, FIELD_ENCRYPT_RECOVERY_KEY: text };
    return (await initEncryption({ dekStore: new MemoryDekStore(), env: all })).recoveryKey;
  }

  it('is a PEM, in lines or in one with \\n for the line ends', async () => {
    expect(await keyFrom(PAIR.publicKey)).toBe(PAIR.publicKey);
    expect(await keyFrom(PAIR.publicKey.replaceAll('\n', '\\n'))).toBe(PAIR.publicKey);
    expect(await keyFrom(undefined)).toBeUndefined();
  });

  it.each([
    [PAIR.privateKey.replaceAll('\n', '\\n'), PRIVATE],
    ['not a key', NO_PEM],
    ['', 'is set but empty: set a value or unset it'],
  ])('is refused together with whatever else is wrong', async (text, problem) => {
    const all = { ...env, FIELD_ENCRYPT_KEY: 'short', FIELD_ENCRYPT_RECOVERY_KEY: text };
    const refusal = await initEncryption({ dekStore: new MemoryDekStore(), env: all }).catch(
      describeError,
    );
    expect(refusal).toEqual({
      name: 'ConfigurationError',
      code: 'CONFIGURATION_INVALID',
      message: `Encryption is not configured:\n- FIELD_ENCRYPT_KEY must be 32 bytes as base64, base64url or hex\n- FIELD_ENCRYPT_RECOVERY_KEY ${problem}`,
    });
  });
});
