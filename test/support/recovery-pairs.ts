import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { LiveDekRow } from '../../src/adapters.js';
import type { Setup } from './encryptor.js';
import { readGolden } from './golden.js';
import { rows } from './rotations.js';
import { rsaUnwrap } from './rsa-key-provider.js';

export interface RecoveryPair {
  /** The `recoveryKeyId`, computed here. */
  readonly id: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** That of the golden files: made for tests, it protects nothing. */
export const PAIR = pairOf(
  readGolden<{ readonly rsaPrivateKeyPem: string }>('dek-rows.json').rsaPrivateKeyPem,
);

export const OTHER_PAIR: RecoveryPair = pairOf(otherPrivateKey());

function otherPrivateKey(): string {
  type Golden = { readonly cases: readonly { readonly privateKeyPem: string }[] };
  const [first] = readGolden<Golden>('recovery-keys.json').cases;
  return first?.privateKeyPem ?? '';
}

export function newPrivateKey(modulusLength = 2048): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function pairOf(privateKey: string): RecoveryPair {
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const id = createHash('sha256').update(spki).digest('hex').slice(0, 16);
  return {
    id,
    privateKey,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

export async function liveRows(made: Setup): Promise<readonly LiveDekRow[]> {
  return (await rows(made)).filter((row): row is LiveDekRow => row.state !== 'shredded');
}

/** Worlds look at every row at every step, and a wrap never changes what it holds. */
const opened = new Map<string, string | undefined>();

/** The DEK in a row's recovery wrap in hex, by Node alone; `undefined` where it does not open. */
export function dekInRecoveryWrap(
  { recoveryWrap }: LiveDekRow,
  { privateKey }: RecoveryPair = PAIR,
): string | undefined {
  if (!recoveryWrap) return undefined;
  const name = `${privateKey} ${recoveryWrap.wrappedDek}`;
  if (!opened.has(name)) {
    opened.set(name, rsaUnwrap(privateKey, recoveryWrap.wrappedDek)?.toString('hex'));
  }
  return opened.get(name);
}

/** A row as it is but for some properties. */
export function without<Row extends object>(row: Row, ...names: readonly (keyof Row)[]): Row {
  const left = Object.entries(row).filter(([name]) => !names.includes(name as keyof Row));
  return Object.fromEntries(left) as Row;
}
