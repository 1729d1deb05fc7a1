/** Unwraps the DEK of a row, and checks it against the row's commitment before any use. @module */
import { timingSafeEqual } from 'node:crypto';
import { momentOf } from '../async/clock.js';
import { deriveCommitment } from '../crypto/key-schedule.js';
import { hasCode, TamperedError } from '../errors/errors.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProviderOptions } from '../provider/key-provider.js';
import { DEK_BYTES, Dek } from './dek.js';
import type { DekContext } from './dek-context.js';
import type { LiveDekRow } from '../format/dek-row.js';
import type { ShredToken } from './shred-token.js';

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
  const bytes = await unwrapBytes(context.providers, row, {});
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
export function commitsTo(row: LiveDekRow, commitment: string): boolean {
  return timingSafeEqual(Buffer.from(commitment), Buffer.from(row.commitment));
}

async function unwrapBytes(
  providers: ConfiguredProviders,
  row: LiveDekRow,
  options: KeyProviderOptions,
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
