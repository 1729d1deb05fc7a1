/** An encryptor from environment variables. @module */
import type { Clock } from './clock.js';
import { DekCache } from './dek/dek-cache.js';
import type { Environment } from './environment-reader.js';
import { readEnvironment, type InsecureAllowances } from './environment.js';
import { createFieldEncryptor, type FieldEncryptor } from './field-encryptor.js';
import { EnvKeyProvider } from './provider/env-key-provider.js';
import type { DekStore } from './store/dek-store.js';

export interface InitEncryptionOptions extends InsecureAllowances {
  readonly dekStore: DekStore;
  /** @default process.env */
  readonly env?: Environment;
  /** For a product's first rotation record only. @default 30 000 */
  readonly fenceTtlMs?: number;
  /** Replaced in tests. @default the machine's clock */
  readonly clock?: Clock;
}

/**
 * Makes an encryptor from environment variables, and refuses to where one of them is wrong.
 *
 * | variable | value |
 * | --- | --- |
 * | `FIELD_ENCRYPT_ENABLED` | `true` or `false`; required |
 * | `FIELD_ENCRYPT_PRODUCT` | name of the product; required |
 * | `FIELD_ENCRYPT_KEY_PROVIDER` | `akv` (not built yet) or `env`; required when enabled |
 * | `FIELD_ENCRYPT_KEY` | `env`: the MEK, 32 bytes as base64, base64url or hex |
 * | `FIELD_ENCRYPT_PREVIOUS_KEYS` | `env`: earlier MEKs, separated by commas |
 * | `AZURE_KEYVAULT_URL`, `FIELD_ENCRYPT_MEK_NAME`, `FIELD_ENCRYPT_MEK_VERSION` | `akv`: the MEK |
 * | `FIELD_ENCRYPT_MODE` | `strict` (default) or `migrate` |
 * | `FIELD_ENCRYPT_CACHE_MAX_ENTRIES` | DEKs in memory; 10 000 by default |
 * | `FIELD_ENCRYPT_CACHE_TTL_MS` | how long each may be used; 300 000 by default |
 *
 * Nothing is read from the store or the key service: see `checkReadiness` for that.
 *
 * @throws ConfigurationError that lists every problem at once, by variable and never with its value.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { initEncryption } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const encryptor = await initEncryption({
 *   dekStore: new MemoryDekStore(),
 *   env: {
 *     FIELD_ENCRYPT_ENABLED: 'true',
 *     FIELD_ENCRYPT_PRODUCT: 'notelett',
 *     FIELD_ENCRYPT_KEY_PROVIDER: 'env',
 *     FIELD_ENCRYPT_KEY: randomBytes(32).toString('base64'),
 *   },
 * });
 * console.log((await encryptor.checkReadiness()).ready); // true
 * ```
 */
export async function initEncryption(options: InitEncryptionOptions): Promise<FieldEncryptor> {
  const { dekStore, env = process.env, clock, fenceTtlMs } = options;
  const settings = readEnvironment(env, options);
  const { enabled, product, mode, envKeys, cacheMaxEntries, cacheTtlMs } = settings;
  const dekCache = new DekCache({
    ...(cacheMaxEntries !== undefined && { maxEntries: cacheMaxEntries }),
    ...(cacheTtlMs !== undefined && { ttlMs: cacheTtlMs }),
    ...(clock && { clock }),
  });
  // A key service is found over the network, so the answer is a promise already.
  const keyProviders = await Promise.resolve(envKeys ? [new EnvKeyProvider(envKeys)] : []);
  return createFieldEncryptor({
    product,
    enabled,
    dekStore,
    dekCache,
    keyProviders,
    ...(mode && { mode }),
    ...(fenceTtlMs !== undefined && { fenceTtlMs }),
    ...(clock && { clock }),
  });
}
