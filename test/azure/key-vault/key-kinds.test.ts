import {
  constants,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type JsonWebKey,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KeyClient } from '@azure/keyvault-keys';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { importRsaPublicKey, rsaOaep256Wrap } from '../../../src/crypto/rsa-oaep.js';
import type { KeyWrap } from '../../../src/adapters.js';
import type { CreateKeyOptions } from '../../support/azure/key-vault/vault.js';
import type { AkvOptions } from '../../support/azure/akv-provider.js';
import { failure } from '../../support/failure.js';
import { fromHex } from '../../support/golden.js';
import { VaultWorld } from './vault-world.js';

const VECTORS = join(import.meta.dirname, '../../../../shared/vectors/wycheproof');

let world: VaultWorld;

beforeAll(async () => {
  world = await VaultWorld.start();
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

interface Kind {
  readonly name: string;
  readonly key: CreateKeyOptions;
  readonly misfit: string;
  readonly options?: AkvOptions;
}

const RSA_ONLY = 'and RSA-OAEP-256 needs RSA or RSA-HSM';
const OCT_ONLY = 'and A256KW needs oct or oct-HSM';

const MISFITS: readonly Kind[] = [
  { name: 'EC', key: { type: 'EC' }, misfit: `is of the type EC, ${RSA_ONLY}` },
  { name: 'EC-HSM', key: { type: 'EC-HSM' }, misfit: `is of the type EC-HSM, ${RSA_ONLY}` },
  { name: 'oct', key: { type: 'oct' }, misfit: `is of the type oct, ${RSA_ONLY}` },
  { name: 'oct-HSM', key: { type: 'oct-HSM' }, misfit: `is of the type oct-HSM, ${RSA_ONLY}` },
  {
    name: 'RSA for A256KW',
    key: { type: 'RSA' },
    misfit: `is of the type RSA, ${OCT_ONLY}`,
    options: { wrapAlgorithm: 'A256KW' },
  },
  {
    name: 'RSA-1024',
    key: { type: 'RSA', size: 1024 },
    misfit: 'has 1024 bits, and 2048, 3072, 4096 are supported',
  },
  {
    name: 'exponent-3',
    key: { type: 'RSA', exponent: 3 },
    misfit: 'has a public exponent below 65537',
  },
  {
    name: 'exponent-65535',
    key: { type: 'RSA', exponent: 65_535 },
    misfit: 'has a public exponent below 65537',
  },
  {
    name: 'no wrapKey',
    key: { keyOps: ['unwrapKey', 'encrypt'] },
    misfit: 'does not permit wrapKey',
  },
  { name: 'no unwrapKey', key: { keyOps: ['wrapKey'] }, misfit: 'does not permit unwrapKey' },
  {
    name: 'neither',
    key: { keyOps: ['sign', 'verify'] },
    misfit: 'does not permit unwrapKey and wrapKey',
  },
];

function nameOf(text: string): string {
  return `mek-${text.replaceAll(' ', '-')}`;
}

describe.each(MISFITS)('a key of the kind "$name"', ({ name, key, misfit, options = {} }) => {
  it('is refused before it wraps anything, in both modes', async () => {
    const mekName = nameOf(name);
    const mekVersion = await world.server.createKey(mekName, key);
    const told = {
      code: 'MEK_UNSUPPORTED',
      message: `The MEK akv/${mekName}/${mekVersion} ${misfit}: create a suitable version, and rotate to it`,
      retryable: false,
    };
    const modes = options.wrapAlgorithm === 'A256KW' ? ['vault'] : ['vault', 'local'];
    for (const wrapMode of modes as readonly ('local' | 'vault')[]) {
      const provider = world.provider({ mekName, wrapMode, ...options });
      expect(await world.failure(provider.wrapKey(world.dek(), { mekVersion }))).toEqual(told);
      expect(await world.failure(provider.currentVersion())).toEqual(told);
    }
    expect(world.server.count('wrapKey')).toBe(0);
  });
});

/** Wraps with the public part alone, as any reader of it can. */
async function wrapOutside(
  mekName: string,
  mekVersion: string,
  options: object,
): Promise<{ readonly wrap: KeyWrap; readonly dek: Buffer }> {
  const client = new KeyClient(
    world.server.url,
    world.server.credential(),
    world.server.clientOptions(),
  );
  const { key } = await client.getKey(mekName, { version: mekVersion });
  const text = (bytes: Uint8Array = new Uint8Array()): string =>
    Buffer.from(bytes).toString('base64url');
  const jwk: JsonWebKey = { kty: 'RSA', n: text(key?.n), e: text(key?.e) };
  const dek = world.dek();
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  const wrappedDek = publicEncrypt({ key: publicKey, ...options }, dek).toString('base64url');
  world.forget();
  const wrapAlgorithm = 'RSA-OAEP-256';
  return { wrap: { wrappedDek, wrapAlgorithm, keyProvider: 'akv', mekName, mekVersion }, dek };
}

const OAEP_256 = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };

describe('unwrapping', () => {
  it('is left to the service, whatever we would say of the key', async () => {
    const mekName = nameOf('exponent-3');
    const [mekVersion = ''] = world.server.versionsOf(mekName);
    const { wrap, dek } = await wrapOutside(mekName, mekVersion, OAEP_256);
    const provider = world.provider({ mekName });
    await world.failure(provider.currentVersion());
    world.forget();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.requests.filter(({ authorized }) => authorized)).toMatchObject([
      { operation: 'unwrapKey' },
    ]);
  });

  it('is refused by the service where the version does not permit it', async () => {
    const mekName = nameOf('no unwrapKey');
    const [mekVersion = ''] = world.server.versionsOf(mekName);
    const { wrap } = await wrapOutside(mekName, mekVersion, OAEP_256);
    const provider = world.provider({ mekName });
    expect(await world.failure(provider.unwrapKey(wrap))).toEqual({
      code: 'MEK_UNSUPPORTED',
      message: `unwrapKey on ${world.server.url}/keys/${mekName}/${mekVersion} was refused: add unwrapKey to the key's permitted operations`,
      retryable: false,
    });
  });

  it('takes a wrap that was made outside with the right padding, and no other', async () => {
    const { first } = world;
    const mekName = 'notelett-mek';
    const provider = world.provider();
    const right = await wrapOutside(mekName, first, OAEP_256);
    expect(right.dek.equals(await provider.unwrapKey(right.wrap))).toBe(true);
    for (const options of [
      { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
      { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha512' },
      { padding: constants.RSA_PKCS1_PADDING },
      { ...OAEP_256, oaepLabel: Buffer.from('label') },
    ]) {
      const { wrap } = await wrapOutside(mekName, first, options);
      expect(await world.failure(provider.unwrapKey(wrap))).toEqual({
        code: 'WRAP_REJECTED',
        message: `unwrapKey on ${world.address(first)} was refused: that version did not make this wrap, or the wrap was changed`,
        retryable: false,
      });
      expect(world.server.requests.at(-1)).toMatchObject({
        algorithm: 'RSA-OAEP-256',
        status: 400,
      });
    }
  });
});

interface VectorFile {
  readonly testGroups: readonly {
    readonly privateKeyPkcs8: string;
    readonly privateKey: { readonly modulus: string; readonly publicExponent: string };
    readonly tests: readonly { readonly tcId: number; readonly ct: string }[];
  }[];
}

const FOREIGN_FILES = [
  'rsa_oaep_2048_sha1_mgf1sha1_test.json',
  'rsa_oaep_2048_sha256_mgf1sha1_test.json',
];

const SIZES = [2048, 3072, 4096];

function groupsOf(file: string): VectorFile['testGroups'] {
  return (JSON.parse(readFileSync(join(VECTORS, file), 'utf8')) as VectorFile).testGroups;
}

if (existsSync(VECTORS)) {
  describe('keys of Wycheproof', () => {
    it.each(SIZES)('of %i bits open what is wrapped locally, as RSA-OAEP-256 alone', (size) => {
      const groups = groupsOf(`rsa_oaep_${String(size)}_sha256_mgf1sha256_test.json`);
      expect(groups.length).toBeGreaterThan(0);
      for (const { privateKey, privateKeyPkcs8 } of groups) {
        const [n, e] = [fromHex(privateKey.modulus), fromHex(privateKey.publicExponent)];
        const dek = randomBytes(32);
        const wrapped = rsaOaep256Wrap(importRsaPublicKey(n, e), dek);
        expect(wrapped).toHaveLength(size / 8);
        const key = createPrivateKey({
          key: fromHex(privateKeyPkcs8),
          format: 'der',
          type: 'pkcs8',
        });
        expect(privateDecrypt({ key, ...OAEP_256 }, wrapped)).toEqual(dek);
        const sha1 = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
        expect(() => privateDecrypt({ key, ...sha1 }, wrapped)).toThrow();
      }
    });
  });

  describe('ciphertexts of Wycheproof', () => {
    it.each(FOREIGN_FILES)(
      'of %s are no wraps under a MEK, and cost a request only where their length is right',
      async (file) => {
        const provider = world.provider();
        const base = await provider.wrapKey(world.dek(), { mekVersion: world.first });
        let asked = 0;
        let refusedHere = 0;
        for (const { ct } of groupsOf(file).flatMap(({ tests }) => tests)) {
          world.forget();
          const bytes = Buffer.from(ct, 'hex');
          const unwrapping = provider.unwrapKey({
            ...base,
            wrappedDek: bytes.toString('base64url'),
          });
          expect((await failure(unwrapping)).code).toBe('WRAP_REJECTED');
          const expected = bytes.length === 256 ? 1 : 0;
          expect(world.server.count()).toBe(expected);
          if (expected === 1) asked += 1;
          else refusedHere += 1;
        }
        console.log(`${file}: ${JSON.stringify({ asked, refusedHere })}`);
        expect(asked).toBeGreaterThan(20);
        expect(refusedHere).toBeGreaterThan(0);
      },
    );
  });
} else {
  it('Wycheproof vectors are not beside the repository', () => {
    console.log(`skipped: no Wycheproof vectors in ${VECTORS}`);
    expect(existsSync(VECTORS)).toBe(false);
  });
}
