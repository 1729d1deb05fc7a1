/** Creates an encryptor from environment variables. @module */
import type { AuditOptions } from '../audit/audit-trail.js';
import type { DefinitionMismatch, PlaintextRead } from '../cipher/reported-reads.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import type { Clock } from '../async/clock.js';
import { DekCache } from '../dek/dek-cache.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { Environment } from './environment-reader.js';
import {
  readEnvironment,
  type InsecureAllowances,
  type KeySettings,
  type VaultSettings,
} from './environment.js';
import { FieldEncryptor } from './field-encryptor.js';
import type { FieldEncryptorOptions } from './field-encryptor-options.js';
import { requireBackfilled, type BackfilledCollection } from '../inspection/count-plaintext.js';
import { readOptions, requireBoolean, requireFunction, requireList } from '../guards/guards.js';
import { loadKeyVault, type AzureCredential, type KeyVaultModule } from './load-key-vault.js';
import { EnvKeyProvider } from '../provider/env-key-provider.js';
import { OPS_LIMIT_OPTIONS, type OpsLimitOptions } from '../provider/limit-key-provider.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { unreadWarnings } from '../provider/readiness-warning.js';
import { requireDefinition, requireDocumentStore } from '../run/required-parts.js';
import type { DekStore } from '../store/dek-store.js';
import { registerDefinitions } from './register-definitions.js';

/** A collection whose documents the process reads or writes. */
interface InitialCollection extends Partial<BackfilledCollection> {
  readonly definition: AnyDefinition;
}

/** The limit of operations is for `akv`. */
export interface InitEncryptionOptions extends CallOptions, InsecureAllowances, OpsLimitOptions {
  readonly dekStore: DekStore;
  /** For `akv`. @default `DefaultAzureCredential` of `@azure/identity` */
  readonly credential?: AzureCredential;
  /**
   * For `akv` in code that is bundled, where the adapter for key vaults cannot be loaded by its name:
   * `() => import('@bytelyst/field-encrypt/azure/key-vault')`. Called only with `akv`.
   *
   * @default that module, as it is installed beside this one
   */
  readonly keyVault?: () => Promise<KeyVaultModule>;
  /**
   * Allows a vault on this machine, for an emulator: the token is then sent to any process that listens
   * there. @default false
   */
  readonly insecureAllowLoopbackVault?: boolean;
  /** @default process.env */
  readonly env?: Environment;
  /**
   * Replaces `FIELD_ENCRYPT_RECORD_KEY`, for example from a secret store: refused where both are set.
   * @default the variable
   */
  readonly recordKey?: string;
  /** Replaces `FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS`, in the same way. @default the variable */
  readonly previousRecordKeys?: readonly string[];
  /** Replaces `FIELD_ENCRYPT_RECOVERY_KEY`, in the same way. @default the variable */
  readonly recoveryKey?: string;
  /**
   * Every collection of the process: `registerDefinitions` is called with their definitions. Each needs its
   * `documentStore` only where `FIELD_ENCRYPT_REQUIRE_BACKFILLED` is `true`, for the scan.
   *
   * @default none: nothing is registered
   */
  readonly collections?: readonly InitialCollection[];
  /**
   * Starts a process that cannot open everything that may be stored: see `registerDefinitions`.
   *
   * @default false
   */
  readonly insecureIgnoreDefinitionRecord?: boolean;
  /**
   * Accepts records without a mac until `resealRecords` is complete; needs a record key.
   *
   * @default false
   */
  readonly insecureAcceptUnauthenticatedRecords?: boolean;
  /** Called for each declared field that was plaintext and was passed through; it receives no value. */
  readonly onPlaintextRead?: (read: PlaintextRead) => void;
  /** Called for each envelope of another definition that was passed through; it receives no value. */
  readonly onDefinitionMismatch?: (mismatch: DefinitionMismatch) => void;
  /** Records runs, shreds, and documents that cannot be opened: see `FieldEncryptorOptions`. @default off */
  readonly audit?: AuditOptions;
  /**
   * Replaces `FIELD_ENCRYPT_FENCE_TTL_MS`. Used only for a product's first rotation record; `setFenceTtl` changes it
   * later. @default the variable, or 30 000
   */
  readonly fenceTtlMs?: number;
  /** Replaced in tests. @default the machine's clock */
  readonly clock?: Clock;
}

const ALLOWANCES = [
  'insecureAllowDisabledInProduction',
  'insecureAllowEnvKeysInProduction',
  'insecureAllowLoopbackVault',
  'insecureAcceptUnauthenticatedRecords',
  'insecureIgnoreDefinitionRecord',
] as const;
const OPTIONS: readonly (keyof InitEncryptionOptions)[] = [
  'dekStore',
  'credential',
  'keyVault',
  'env',
  'recordKey',
  'previousRecordKeys',
  'recoveryKey',
  'collections',
  ...OPS_LIMIT_OPTIONS,
  'onPlaintextRead',
  'onDefinitionMismatch',
  'audit',
  'fenceTtlMs',
  'clock',
  ...ALLOWANCES,
];

/**
 * Creates an encryptor from environment variables, and refuses to where one of them is wrong.
 *
 * | variable | value |
 * | --- | --- |
 * | `FIELD_ENCRYPT_ENABLED` | `true` or `false`; required |
 * | `FIELD_ENCRYPT_PRODUCT` | name of the product; required |
 * | `FIELD_ENCRYPT_KEY_PROVIDER` | `akv` or `env`; required when enabled |
 * | `FIELD_ENCRYPT_KEY` | `env`: the MEK, 32 bytes as base64, base64url or hex |
 * | `FIELD_ENCRYPT_PREVIOUS_KEYS` | `env`: earlier MEKs, separated by commas |
 * | `FIELD_ENCRYPT_RECORD_KEY` | authenticates DEK rows and rotation record; 32 bytes, not the MEK's |
 * | `FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS` | record keys that verify and do not sign, separated by commas |
 * | `AZURE_KEYVAULT_URL` | `akv`: address of the vault |
 * | `FIELD_ENCRYPT_MEK_NAME` | `akv`: name of the key |
 * | `FIELD_ENCRYPT_MEK_VERSION` | `akv`: pins the current version; the newest by default |
 * | `FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS` | `akv`: keys that older DEKs are still wrapped under, `https://<vault>/keys/<name>`, separated by commas |
 * | `FIELD_ENCRYPT_RECOVERY_KEY` | RSA public key, PEM, to recover from a lost MEK; `\n` may stand for its line ends |
 * | `FIELD_ENCRYPT_MODE` | `strict` (default) or `migrate` |
 * | `FIELD_ENCRYPT_REQUIRE_BACKFILLED` | `true` refuses to start in `strict` while `collections` hold plaintext |
 * | `FIELD_ENCRYPT_MINIMUM_EPOCH` | refuses a rotation record below it; raise it after each rotation |
 * | `FIELD_ENCRYPT_FENCE_TTL_MS` | `fenceTtlMs` of a new product, 1 000 to 600 000; 30 000 by default. Later the rotation record decides |
 * | `FIELD_ENCRYPT_CACHE_MAX_ENTRIES` | DEKs in memory; 10 000 by default |
 * | `FIELD_ENCRYPT_CACHE_TTL_MS` | how long each may be used; 300 000 by default |
 *
 * `akv` loads `@azure/keyvault-keys` and, unless a `credential` is passed, `@azure/identity`: install both.
 * In a bundle, pass `keyVault` too. With env keys, neither Node nor a bundler needs them.
 * With `akv`, env keys and previous vault keys that are set still unwrap what they wrapped, so that a product can
 * move.
 *
 * Without `collections`, nothing is read from the DEK store or the key service: see `checkReadiness` for that.
 * With them, `registerDefinitions` reads one record for each, and writes those that lack a path. Documents are
 * read only where `FIELD_ENCRYPT_REQUIRE_BACKFILLED` is `true`: all `collections`, at each start.
 *
 * An unused variable is refused where its name is within two letters of one of these. Any other unused
 * variable that begins with `FIELD_ENCRYPT_` is a warning of `checkReadiness`: Kubernetes creates some for
 * each Service.
 *
 * @throws ConfigurationError that lists every problem at once, by variable and never with its value.
 *   TypeError or RangeError for invalid options.
 * @throws FieldEncryptionError `DEFINITION_MISMATCH`, and the others of `registerDefinitions`;
 *   `BACKFILL_UNFINISHED`: see `requireBackfilled`. Errors of the stores are passed on: try again.
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
  const own = ownCallOptions(options, OPTIONS);
  own.signal?.throwIfAborted();
  const { dekStore, env = process.env, clock, signal } = own;
  requireAllowances(own);
  if (own.keyVault !== undefined) requireFunction('keyVault', own.keyVault);
  const settings = readEnvironment(env, own);
  const collections = readCollections(own.collections, settings.requireBackfilled);
  const { enabled, product, mode, keys, recoveryKey, cacheMaxEntries, cacheTtlMs } = settings;
  const { minimumEpoch, fenceTtlMs } = settings;
  const dekCache = new DekCache({
    ...(cacheMaxEntries !== undefined && { maxEntries: cacheMaxEntries }),
    ...(cacheTtlMs !== undefined && { ttlMs: cacheTtlMs }),
    ...(clock && { clock }),
  });
  const parts = {
    product,
    enabled,
    dekStore,
    dekCache,
    keyProviders: await keyProvidersFor(keys, own),
    ...settings.recordKeys,
    ...(mode && { mode }),
    ...(recoveryKey !== undefined && { recoveryKey }),
    ...(minimumEpoch !== undefined && { minimumEpoch }),
    ...(fenceTtlMs !== undefined && { fenceTtlMs }),
    ...passedOn(own),
  };
  const encryptor = new FieldEncryptor(parts, unreadWarnings(settings.unread));
  await registerCollections(encryptor, collections, own);
  if (settings.requireBackfilled) await requireBackfilled(collections, { signal });
  return encryptor;
}

const PASSED_ON = [
  'insecureAcceptUnauthenticatedRecords',
  'insecureAllowDisabledInProduction',
  'fenceTtlMs',
  'onPlaintextRead',
  'onDefinitionMismatch',
  'audit',
  'clock',
] as const;

type PassedOn = Pick<FieldEncryptorOptions, (typeof PASSED_ON)[number]>;

function passedOn(options: InitEncryptionOptions): PassedOn {
  const given = PASSED_ON.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

async function registerCollections(
  encryptor: FieldEncryptor,
  collections: readonly InitialCollection[],
  { signal, insecureIgnoreDefinitionRecord }: InitEncryptionOptions,
): Promise<void> {
  if (collections.length === 0) return;
  const definitions = collections.map(({ definition }) => definition);
  await registerDefinitions(encryptor, definitions, {
    signal,
    ...(insecureIgnoreDefinitionRecord !== undefined && { insecureIgnoreDefinitionRecord }),
  });
}

/** @throws TypeError where a document store is missing that is needed. */
function readCollections(
  collections: readonly InitialCollection[] = [],
  areScanned: boolean,
): readonly BackfilledCollection[] {
  requireList('collections', collections);
  return collections.map((each) => {
    const own = readOptions(each, ['definition', 'documentStore'], 'collections[]');
    requireDefinition('collections[].definition', own.definition);
    if (areScanned || own.documentStore !== undefined) {
      requireDocumentStore('collections[].documentStore', ['list'], own.documentStore);
    }
    return own as BackfilledCollection;
  });
}

function requireAllowances(options: InitEncryptionOptions): void {
  for (const name of ALLOWANCES) {
    if (options[name] !== undefined) requireBoolean(name, options[name]);
  }
}

/** A new product starts with the first one. */
async function keyProvidersFor(
  { vault, env }: KeySettings,
  options: InitEncryptionOptions,
): Promise<readonly KeyProvider[]> {
  const fromVault = vault ? await loadAkvKeyProviders(vault, options) : [];
  return [...fromVault, ...(env ? [new EnvKeyProvider(env)] : [])];
}

async function loadAkvKeyProviders(
  { previousKeys, mekVersion, ...current }: VaultSettings,
  options: InitEncryptionOptions,
): Promise<readonly KeyProvider[]> {
  const { credential, insecureAllowLoopbackVault = false, clock } = options;
  const { maxOpsPerSecond, maxQueued } = options;
  const { AkvKeyProvider, defaultCredential } = await loadKeyVault(options.keyVault);
  const settings = {
    credential: credential ?? (await defaultCredential()),
    insecureAllowLoopback: insecureAllowLoopbackVault,
    ...(maxOpsPerSecond !== undefined && { maxOpsPerSecond }),
    ...(maxQueued !== undefined && { maxQueued }),
    ...(clock && { clock }),
  };
  const pinned = { ...current, ...(mekVersion !== undefined && { mekVersion }) };
  return [pinned, ...previousKeys].map((key) => new AkvKeyProvider({ ...settings, ...key }));
}
