/** What a key version is made of, and the algorithms that go with it. @module */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { badParameter } from './refusal.js';
import { rsaes15Decrypt } from './rsaes-15.js';
import { AS_PEM, type RsaLoans, type RsaPair } from './rsa-pairs.js';

export type KeyType = 'RSA' | 'RSA-HSM' | 'EC' | 'EC-HSM' | 'oct' | 'oct-HSM';

export interface MaterialOptions {
  readonly type: KeyType;
  /** Bits: of the modulus, or of an `oct` key. @default 2048 and 256 */
  readonly size?: number | undefined;
  /** Of an RSA key. @default 65537 */
  readonly exponent?: number | undefined;
  /** Of an EC key. @default P-256 */
  readonly curve?: string | undefined;
}

export interface KeyMaterial {
  readonly type: KeyType;
  /** Options that make another of the same sort. */
  readonly options: MaterialOptions;
  /** The public part as the wire has it. */
  readonly publicJwk: Readonly<Record<string, unknown>>;
  wrap(algorithm: string, key: Buffer): Buffer;
  unwrap(algorithm: string, wrapped: Buffer): Buffer;
}

export async function makeMaterial(
  options: MaterialOptions,
  loans: RsaLoans,
): Promise<KeyMaterial> {
  switch (options.type) {
    case 'RSA':
    case 'RSA-HSM':
      return rsaMaterial(options, await borrowFor(options, loans));
    case 'EC':
    case 'EC-HSM':
      return ecMaterial(options);
    default:
      return octMaterial(options);
  }
}

const RSA_SIZES = [1024, 2048, 3072, 4096];

/** The service refuses 1024 bits, too: for those who must refuse them. */
async function borrowFor(
  { size = 2048, exponent = 65_537 }: MaterialOptions,
  loans: RsaLoans,
): Promise<RsaPair> {
  if (!RSA_SIZES.includes(size)) throw badParameter('Property "key_size" is not one of RSA.');
  return loans.borrow(size, exponent);
}

function rsaMaterial(options: MaterialOptions, { publicKey, privateKey }: RsaPair): KeyMaterial {
  const { n, e } = publicKey.export({ format: 'jwk' });
  return {
    type: options.type,
    options,
    publicJwk: { n, e },
    wrap: (algorithm, key) =>
      orBadParameter(() => publicEncrypt({ key: publicKey, ...paddingOf(algorithm) }, key)),
    unwrap: (algorithm, wrapped) =>
      orBadParameter(() =>
        algorithm === 'RSA1_5'
          ? rsaes15Decrypt(privateKey, wrapped)
          : privateDecrypt({ key: privateKey, ...paddingOf(algorithm) }, wrapped),
      ),
  };
}

function paddingOf(algorithm: string): { readonly padding: number; readonly oaepHash?: string } {
  switch (algorithm) {
    case 'RSA-OAEP-256':
      return { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    case 'RSA-OAEP':
      return { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
    case 'RSA1_5':
      return { padding: constants.RSA_PKCS1_PADDING };
    default:
      throw unsupported(algorithm);
  }
}

function ecMaterial(options: MaterialOptions): KeyMaterial {
  const namedCurve = options.curve ?? 'P-256';
  const pem = orBadParameter(() => generateKeyPairSync('ec', { namedCurve, ...AS_PEM }));
  const publicKey = createPublicKey(pem.publicKey);
  return {
    type: options.type,
    options,
    publicJwk: ecJwk(publicKey),
    wrap: (algorithm) => {
      throw unsupported(algorithm);
    },
    unwrap: (algorithm) => {
      throw unsupported(algorithm);
    },
  };
}

function ecJwk(publicKey: KeyObject): Readonly<Record<string, unknown>> {
  const { crv, x, y } = publicKey.export({ format: 'jwk' });
  return { crv, x, y };
}

const KW_IV = Buffer.alloc(8, 0xa6);
const KW_CIPHERS = new Map([
  ['A128KW', 'id-aes128-wrap'],
  ['A192KW', 'id-aes192-wrap'],
  ['A256KW', 'id-aes256-wrap'],
]);

function octMaterial(options: MaterialOptions): KeyMaterial {
  const size = options.size ?? 256;
  if (![128, 192, 256].includes(size)) throw badParameter('Property "key_size" is not one of AES.');
  const secret = randomBytes(size / 8);
  return {
    type: options.type,
    options,
    publicJwk: {},
    wrap: (algorithm, key) =>
      orBadParameter(() => {
        const cipher = createCipheriv(kwCipher(algorithm), secret, KW_IV);
        return Buffer.concat([cipher.update(key), cipher.final()]);
      }),
    unwrap: (algorithm, wrapped) =>
      orBadParameter(() => {
        const decipher = createDecipheriv(kwCipher(algorithm), secret, KW_IV);
        return Buffer.concat([decipher.update(wrapped), decipher.final()]);
      }),
  };
}

/** Node refuses a secret of any other length than the cipher's. */
function kwCipher(algorithm: string): string {
  const cipher = KW_CIPHERS.get(algorithm);
  if (cipher === undefined) throw unsupported(algorithm);
  return cipher;
}

function unsupported(algorithm: string): Error {
  return badParameter(`The key does not go with the algorithm ${algorithm}.`);
}

function orBadParameter<T>(work: () => T): T {
  try {
    return work();
  } catch {
    throw badParameter('The key, the algorithm and the value do not go together.');
  }
}
