/** Proves that a MEK version wraps and unwraps, before anything relies on it. @module */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { brokenContract } from '../errors/errors.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyProviderOptions } from '../provider/key-provider.js';
import { describeMek, type MekReference } from '../format/key-wrap.js';
import { DEK_BYTES } from './dek.js';

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
