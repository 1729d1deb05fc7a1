/** From a row to its DEK, checked against the row's commitment before anything uses it. @module */
import { timingSafeEqual } from 'node:crypto';
import { momentOf } from '../clock.js';
import { hasCode, TamperedError } from '../errors.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProviderOptions } from '../provider/key-provider.js';
import { DEK_BYTES, Dek } from './dek.js';
import type { DekContext } from './dek-context.js';
import type { LiveDekRow } from './dek-row.js';

/**
 * @throws TamperedError where the wrap was not made by its MEK, or holds another key than the row
 * commits to.
 */
export async function unwrapDek(
  context: Pick<DekContext, 'clock' | 'product' | 'providers'>,
  row: LiveDekRow,
  { signal }: KeyProviderOptions = {},
): Promise<Dek> {
  const unwrappedAt = momentOf(context.clock);
  const bytes = await unwrapBytes(context.providers, row, { signal });
  if (bytes.length !== DEK_BYTES) throw tamperedRow(row.id);
  const dek = new Dek(context.product, row.id, bytes, unwrappedAt);
  if (!timingSafeEqual(Buffer.from(dek.commitment), Buffer.from(row.commitment))) {
    throw tamperedRow(row.id);
  }
  return dek;
}

async function unwrapBytes(
  providers: ConfiguredProviders,
  row: LiveDekRow,
  options: KeyProviderOptions,
): Promise<Uint8Array> {
  try {
    return await providers.unwrap(row, options);
  } catch (error) {
    throw hasCode(error, 'WRAP_REJECTED') ? tamperedRow(row.id, error) : error;
  }
}

function tamperedRow(dekId: string, cause?: unknown): TamperedError {
  return new TamperedError(
    `DEK row ${dekId} failed authentication: it was changed, or belongs to another place; restore the row from a backup`,
    { dekId, ...(cause !== undefined && { cause }) },
  );
}
