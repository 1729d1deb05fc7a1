import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { KeyWrap } from '../../../src/adapters.js';
import { EnvKeyProvider, type MekReference, type RewrapTarget } from '../../../src/index.js';
import { PRODUCT } from '../encryptor.js';
import { fromHex, readGolden } from '../golden.js';

interface GoldenMek {
  readonly mekHex: string;
  readonly mekVersion: string;
}

const [a, b, c] = readGolden<{ readonly cases: readonly GoldenMek[] }>('meks.json').cases as [
  GoldenMek,
  GoldenMek,
  GoldenMek,
];
const MEKS = { a, b, c };

/** The MEKs of the golden files; `a` is the one that every store begins with. */
export type MekName = keyof typeof MEKS;

export const ALL_MEKS = ['a', 'b', 'c'] as const;

export function providerOf(names: readonly MekName[]): EnvKeyProvider {
  const [key = '', ...previousKeys] = names.map((name) => MEKS[name].mekHex);
  return new EnvKeyProvider({ key, previousKeys });
}

export function targetAt(name: MekName): RewrapTarget {
  return { mekVersion: MEKS[name].mekVersion };
}

export function nameOf({ mekVersion }: Pick<MekReference, 'mekVersion'>): MekName {
  const name = ALL_MEKS.find((each) => MEKS[each].mekVersion === mekVersion);
  if (name === undefined) throw new Error(`No MEK has the version ${mekVersion}`);
  return name;
}

const KEY_WRAP_IV = Buffer.alloc(8, 0xa6);

/** The DEK in a wrap, by Node alone: nothing that is judged helps to judge it. */
export function openWrap(wrap: KeyWrap): Buffer {
  const mek = fromHex(MEKS[nameOf(wrap)].mekHex);
  const decipher = createDecipheriv('id-aes256-wrap', mek, KEY_WRAP_IV);
  const wrapped = Buffer.from(wrap.wrappedDek, 'base64url');
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/** A DEK as the MEK wraps it, by Node alone. */
export function wrapUnder(name: MekName, dek: Uint8Array): string {
  const cipher = createCipheriv('id-aes256-wrap', fromHex(MEKS[name].mekHex), KEY_WRAP_IV);
  return Buffer.concat([cipher.update(dek), cipher.final()]).toString('base64url');
}

/** What a row has to commit to, by Node alone. */
export function commitmentTo(dek: Uint8Array, dekId: string): string {
  const info = tuple('field-encrypt/v1/commitment', PRODUCT, dekId);
  return Buffer.from(hkdfSync('sha256', dek, '', info, 32)).toString('base64url');
}

/** docs/format.md, "Notation", by Node alone. */
export function tuple(...parts: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part)];
    }),
  );
}
