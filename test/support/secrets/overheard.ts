/** Notes every key, plaintext and ciphertext that this process hands to `node:crypto`. @module */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { SecretIndex } from './secret-index.js';

const KEY_WRAP = 'id-aes256-wrap';
/** More than the index keeps, in any encoding. */
const MOST_BYTES = 64;

type Bytes = Uint8Array;
type AnyFunction = (...args: never[]) => unknown;

/** Every module that imports from `node:crypto` gets the listening functions, whenever it did. */
export function overhear(index: SecretIndex): void {
  const addText = (bytes: Bytes): void => {
    // What the library seals begins with a byte for its type.
    for (const from of [0, 1]) {
      index.addText(Buffer.from(bytes.subarray(from, MOST_BYTES)).toString('utf8'));
    }
  };
  after('createSecretKey', (_key, [bytes]) => {
    if (bytes instanceof Uint8Array) index.addBytes(bytes);
  });
  after('privateDecrypt', (bytes) => {
    index.addBytes(bytes as Bytes);
  });
  after('publicEncrypt', (wrapped, [, bytes]) => {
    index.addBytes(wrapped as Bytes);
    index.addBytes(bytes as Bytes);
  });
  for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
    after(name, (cipher, [algorithm, key]) => {
      if (key instanceof Uint8Array) index.addBytes(key);
      const add = algorithm === KEY_WRAP ? index.addBytes.bind(index) : addText;
      listenToUpdates(cipher as crypto.Cipher, (input, output) => {
        add(name === 'createCipheriv' ? input : output);
        index.addBytes(name === 'createCipheriv' ? output : input);
      });
    });
  }
  syncBuiltinESMExports();
}

function after(
  name:
    'createCipheriv' | 'createDecipheriv' | 'createSecretKey' | 'privateDecrypt' | 'publicEncrypt',
  listen: (result: unknown, args: readonly unknown[]) => void,
): void {
  const original = crypto[name] as AnyFunction;
  const listening = (...args: never[]): unknown => {
    const result = original(...args);
    listen(result, args);
    return result;
  };
  Object.assign(crypto, { [name]: listening });
}

function listenToUpdates(
  cipher: crypto.Cipher,
  listen: (input: Bytes, output: Bytes) => void,
): void {
  const update = cipher.update.bind(cipher) as AnyFunction;
  const listening = (...args: never[]): unknown => {
    const output = update(...args);
    const [input] = args as readonly unknown[];
    if (input instanceof Uint8Array && output instanceof Uint8Array) listen(input, output);
    return output;
  };
  Object.assign(cipher, { update: listening });
}
