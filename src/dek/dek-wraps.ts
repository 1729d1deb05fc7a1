/** Wraps a DEK with the MEK, and for the recovery key where there is one, and unwraps it. @module */
import { timingSafeEqual, randomBytes, type KeyObject } from 'node:crypto';
import { momentOf } from '../async/clock.js';
import { encodeBase64url, deriveCommitment } from '../crypto/key-schedule.js';
import {
  holdsPrivateKey,
  publicKeyIn,
  keyMisfitOf,
  spkiDigestOf,
  rsaOaep256Wrap,
} from '../crypto/rsa-oaep.js';
import { hasCode, TamperedError, brokenContract } from '../errors/errors.js';
import {
  type RecoveryWrap,
  type LiveDekRow,
  type KeyWrap,
  type MekReference,
  describeMek,
} from '../format/dek-row.js';
import { ownProperties, describeType } from '../guards/guards.js';
import type { ConfiguredProviders, KeyCallOptions } from '../provider/configured-providers.js';
import type { KeyProviderOptions } from '../provider/key-provider.js';
import type { DekContext } from './dek-services.js';
import { DEK_BYTES, Dek, type ShredToken } from './dek.js';

export interface DekWraps {
  readonly wrap: KeyWrap;
  /** Absent without a recovery key: the row then keeps its own. */
  readonly recoveryWrap: RecoveryWrap | undefined;
}

export interface WrapDekRequest {
  readonly dekId: string;
  readonly mek: MekReference;
  /** The recovery wrap of the row: kept, byte for byte, if it is for this recovery key. */
  readonly kept?: RecoveryWrap | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function wrapDek(
  { providers, recoveryKey }: Pick<DekContext, 'providers' | 'recoveryKey'>,
  bytes: Uint8Array,
  request: WrapDekRequest,
): Promise<DekWraps> {
  const { dekId, mek, kept, signal } = ownProperties(request);
  const recoveryWrap = recoveryKey?.wrapFor(kept, bytes);
  return { wrap: await providers.wrap(bytes, mek, { dekId, signal }), recoveryWrap };
}

/**
 * @param token - Taken before the row was read.
 * @throws TamperedError where the wrap was not made by its MEK, or does not match the row's commitment.
 */
export async function unwrapDek(
  context: Pick<DekContext, 'clock' | 'product' | 'providers'>,
  row: LiveDekRow,
  token: ShredToken,
): Promise<Dek> {
  const unwrappedAt = momentOf(context.clock);
  const bytes = await unwrapBytes(context.providers, row, { epoch: row.epoch });
  const dek = new Dek(context.product, row.id, bytes, { unwrappedAt, token });
  if (!commitsTo(row, dek.commitment)) throw tamperedRow(row.id);
  return dek;
}

/**
 * The bytes alone, for callers that only wrap them again: zero them after use.
 *
 * @throws TamperedError as {@link unwrapDek} does.
 */
export async function unwrapDekBytes(
  { providers, product }: Pick<DekContext, 'product' | 'providers'>,
  row: LiveDekRow,
  { signal }: KeyProviderOptions = {},
): Promise<Uint8Array> {
  const bytes = await unwrapBytes(providers, row, { signal });
  if (commitsTo(row, deriveCommitment(bytes, product, row.id))) return bytes;
  bytes.fill(0);
  throw tamperedRow(row.id);
}

/** Compares in constant time. */
export function commitsTo(row: Pick<LiveDekRow, 'commitment'>, commitment: string): boolean {
  return timingSafeEqual(Buffer.from(commitment), Buffer.from(row.commitment));
}

async function unwrapBytes(
  providers: ConfiguredProviders,
  row: LiveDekRow,
  options: KeyCallOptions,
): Promise<Uint8Array> {
  try {
    const bytes = await providers.unwrap(row, { ...options, dekId: row.id });
    if (bytes.length === DEK_BYTES) return bytes;
  } catch (error) {
    throw hasCode(error, 'WRAP_REJECTED') ? tamperedRow(row.id, error) : error;
  }
  throw tamperedRow(row.id);
}

function tamperedRow(dekId: string, cause?: unknown): TamperedError {
  return new TamperedError(
    `DEK row ${dekId} failed authentication: it was changed, or moved from another place; restore the row from a backup`,
    { dekId, ...(cause !== undefined && { cause }) },
  );
}

/** Wraps and unwraps a random key that seals nothing. */
export async function makeRoundTrip(
  providers: ConfiguredProviders,
  mek: MekReference,
  options: KeyProviderOptions = {},
): Promise<void> {
  const probe = randomBytes(DEK_BYTES);
  const unwrapped = await providers.unwrap(await providers.wrap(probe, mek, options), options);
  if (unwrapped.length === probe.length && timingSafeEqual(unwrapped, probe)) return;
  throw cameBackChanged(mek);
}

/** A wrap of the provider does not unwrap to the same key: its wraps must not be relied on. */
export function cameBackChanged(mek: MekReference, cause?: unknown): Error {
  return brokenContract(
    `key provider "${mek.keyProvider}"`,
    'K4',
    `a key wrapped with ${describeMek(mek)} was unwrapped to a different key`,
    cause,
  );
}

const KEY_ID_LENGTH = 16;
const HOW_TO = 'an RSA public key as PEM, "-----BEGIN PUBLIC KEY-----"';

/** The public half. It wraps; only the private half unwraps. */
export class RecoveryKey {
  /** The `recoveryKeyId` of its wraps. */
  readonly id: string;
  readonly #publicKey: KeyObject;

  constructor(publicKey: KeyObject) {
    this.id = recoveryKeyIdOf(publicKey);
    this.#publicKey = publicKey;
  }

  /** Returns the recovery wrap for a row: its present one, if that is for this key. */
  wrapFor(kept: RecoveryWrap | undefined, dek: Uint8Array): RecoveryWrap {
    if (kept?.recoveryKeyId === this.id) return kept;
    const wrappedDek = encodeBase64url(rsaOaep256Wrap(this.#publicKey, dek));
    return { wrappedDek, wrapAlgorithm: 'RSA-OAEP-256', recoveryKeyId: this.id };
  }
}

/** @param key - Either half. */
export function recoveryKeyIdOf(key: KeyObject): string {
  return spkiDigestOf(key).slice(0, KEY_ID_LENGTH);
}

/**
 * Returns the key of an optional option.
 *
 * @throws TypeError for anything but text; RangeError for text without such a key.
 */
export function readRecoveryKey(recoveryKey: unknown): RecoveryKey | undefined {
  if (recoveryKey === undefined) return undefined;
  if (typeof recoveryKey !== 'string') {
    throw new TypeError(`"recoveryKey" expected ${HOW_TO}, got ${describeType(recoveryKey)}`);
  }
  const key = parseRecoveryKey(recoveryKey);
  if (typeof key === 'string') throw new RangeError(`"recoveryKey" ${key}`);
  return key;
}

/**
 * Returns the key that a PEM holds.
 *
 * @returns The problem with any other text, in words that reveal nothing of it.
 */
export function parseRecoveryKey(pem: string): RecoveryKey | string {
  // Checked first: Node would silently derive the public half from a private key.
  if (holdsPrivateKey(pem)) {
    return 'holds a private key: keep that offline, pass the public key alone, and create a new pair if others may have seen it here';
  }
  const publicKey = publicKeyIn(pem);
  if (!publicKey) return `must be ${HOW_TO}`;
  return keyMisfitOf(publicKey) ?? new RecoveryKey(publicKey);
}
