/**
 * Vectors of C2SP/wycheproof through the library's own seams, read where they lie: a folder
 * `shared/vectors` beside the repository. Three lanes: what the profile allows must match, what it
 * allows but is wrong must be refused, and what lies outside the profile must never open.
 */
import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  LEAST_SEALED_BYTES,
  openBytes,
  openText,
  aesUnwrapKey,
  aesWrapKey,
} from '../../src/crypto/aes.js';
import { hkdf } from '../../src/crypto/key-schedule.js';
import { rsaOaep256Unwrap } from '../../src/crypto/rsa-oaep.js';
import { fromHex } from '../support/golden.js';
import { failureOf } from '../support/failure.js';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors', 'wycheproof');
const PROFILE_KEY_BYTES = 32;

interface Vector {
  readonly tcId: number;
  readonly result: 'acceptable' | 'invalid' | 'valid';
}

interface File<V> {
  readonly numberOfTests: number;
  readonly testGroups: readonly { readonly tests: readonly V[]; readonly privateKeyPem?: string }[];
}

type Lane = 'invalid' | 'outside' | 'valid';

function vectors<V extends Vector>(name: string): readonly V[] {
  const file = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as File<V>;
  const tests = file.testGroups.flatMap((group) => group.tests);
  expect(tests.length).toBe(file.numberOfTests);
  return tests;
}

/** Runs each vector in its lane, and says how many ran in which. */
function run<V extends Vector>(
  name: string,
  isInProfile: (vector: V) => boolean,
  check: (vector: V, lane: Lane) => void,
): Readonly<Record<Lane, number>> {
  const counts = { valid: 0, invalid: 0, outside: 0 };
  for (const vector of vectors<V>(name)) {
    const inside = vector.result === 'valid' ? 'valid' : 'invalid';
    const lane = isInProfile(vector) ? inside : 'outside';
    try {
      check(vector, lane);
    } catch (cause) {
      throw new Error(`${name}, tcId ${String(vector.tcId)}, lane ${lane}`, { cause });
    }
    counts[lane] += 1;
  }
  console.log(`${name}: ${JSON.stringify(counts)}`);
  return counts;
}

interface AeadVector extends Vector {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

interface WrapVector extends Vector {
  readonly key: string;
  readonly msg: string;
  readonly ct: string;
}

interface OaepVector extends Vector {
  readonly ct: string;
  readonly label: string;
  readonly msg: string;
}

interface HkdfVector extends Vector {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

function secret(hex: string): KeyObject {
  return createSecretKey(fromHex(hex));
}

function bytesIn(hex: string): number {
  return hex.length / 2;
}

if (existsSync(FOLDER)) {
  describe('Wycheproof', () => {
    it('AES-256-GCM opens what is valid and nothing else', () => {
      const isInProfile = ({ key, iv, ct, tag }: AeadVector): boolean =>
        bytesIn(key) === PROFILE_KEY_BYTES &&
        bytesIn(iv) === 12 &&
        bytesIn(tag) === 16 &&
        bytesIn(iv + ct + tag) >= LEAST_SEALED_BYTES;
      const counts = run<AeadVector>('aes_gcm_test.json', isInProfile, (vector, lane) => {
        const sealed = fromHex(vector.iv + vector.ct + vector.tag);
        const aad = fromHex(vector.aad);
        if (bytesIn(vector.key) !== PROFILE_KEY_BYTES) {
          // Such a key never comes from the key schedule; the seam takes none either.
          if (sealed.length < LEAST_SEALED_BYTES) {
            expect(openBytes(secret(vector.key), sealed, aad)).toBeUndefined();
          } else {
            expect(failureOf(() => openBytes(secret(vector.key), sealed, aad))).toEqual({
              name: 'RangeError',
              message: 'Invalid key length',
            });
          }
          return;
        }
        const opened = openBytes(secret(vector.key), sealed, aad);
        expect(opened?.toString('hex')).toBe(lane === 'valid' ? vector.msg : undefined);
        const fromText = openText(secret(vector.key), sealed.toString('base64url'), aad);
        expect(fromText?.toString('hex')).toBe(lane === 'valid' ? vector.msg : undefined);
      });
      expect(counts.valid).toBeGreaterThan(0);
      expect(counts.invalid).toBeGreaterThan(0);
      expect(counts.outside).toBeGreaterThan(0);
    });

    it('AES-256-KW wraps and unwraps 32 bytes as it should, and nothing else', () => {
      const isInProfile = ({ key, ct }: WrapVector): boolean =>
        bytesIn(key) === PROFILE_KEY_BYTES && bytesIn(ct) === PROFILE_KEY_BYTES + 8;
      const counts = run<WrapVector>('aes_wrap_test.json', isInProfile, (vector, lane) => {
        const { msg } = vector;
        const [key, ct] = [secret(vector.key), fromHex(vector.ct)];
        if (lane === 'outside' && bytesIn(vector.ct) === PROFILE_KEY_BYTES + 8) {
          expect(failureOf(() => aesUnwrapKey(key, ct))).toEqual({
            name: 'RangeError',
            message: 'Invalid key length',
          });
          return;
        }
        const unwrapped = aesUnwrapKey(key, ct);
        expect(unwrapped?.toString('hex')).toBe(lane === 'valid' ? msg : undefined);
        if (lane === 'valid') {
          expect(aesWrapKey(key, fromHex(msg)).toString('hex')).toBe(vector.ct);
        }
        if (bytesIn(msg) !== PROFILE_KEY_BYTES) {
          expect(failureOf(() => aesWrapKey(key, fromHex(msg)))).toEqual({
            name: 'RangeError',
            message: `"key" expected 32 bytes, got ${String(bytesIn(msg))}`,
          });
        }
      });
      expect(counts.valid).toBeGreaterThan(0);
      expect(counts.invalid).toBeGreaterThan(0);
      expect(counts.outside).toBeGreaterThan(0);
    });

    it.each([2048, 3072, 4096])('RSA-OAEP-256 unwraps as it should with %i bits', (bits) => {
      const name = `rsa_oaep_${String(bits)}_sha256_mgf1sha256_test.json`;
      const file = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as File<OaepVector>;
      const privateKey = createPrivateKey(file.testGroups[0]?.privateKeyPem ?? '');
      expect(file.testGroups).toHaveLength(1);
      // A recovery wrap has no label.
      const isInProfile = ({ label }: OaepVector): boolean => label === '';
      const counts = run<OaepVector>(name, isInProfile, ({ ct, msg }, lane) => {
        const unwrapped = rsaOaep256Unwrap(privateKey, fromHex(ct))?.toString('hex');
        expect(unwrapped).toBe(lane === 'valid' ? msg : undefined);
      });
      expect(counts.valid).toBeGreaterThan(0);
      expect(counts.invalid).toBeGreaterThan(0);
      expect(counts.outside).toBeGreaterThan(0);
    });

    it('HKDF-SHA256 with an empty salt derives as it should', () => {
      // Another salt cannot be expressed; of a longer or shorter output the first 32 bytes can.
      const isInProfile = ({ salt, size, result }: HkdfVector): boolean =>
        salt === '' && size <= 255 * 32 && result === 'valid';
      const counts = run<HkdfVector>('hkdf_sha256_test.json', isInProfile, (vector, lane) => {
        if (lane === 'outside') return;
        const derived = hkdf(secret(vector.ikm), fromHex(vector.info)).toString('hex');
        const shared = Math.min(derived.length, vector.okm.length);
        expect(shared).toBeGreaterThan(0);
        expect(derived.slice(0, shared)).toBe(vector.okm.slice(0, shared));
      });
      expect(counts.valid).toBeGreaterThan(0);
      expect(counts.outside).toBeGreaterThan(0);
    });
  });
} else {
  it('Wycheproof vectors are not beside the repository', () => {
    console.log(`skipped: no Wycheproof vectors in ${FOLDER}`);
    expect(existsSync(FOLDER)).toBe(false);
  });
}
