/** Options of an AKV provider, validated before any request to the vault. @module */
import { systemClock, type Clock } from '../../async/clock.js';
import {
  ownProperties,
  readOptions,
  requireBoolean,
  requireIdentifier,
  requireIntegerBetween,
  requireOneOf,
  requirePlainObject,
} from '../../guards/guards.js';
import type { WrapAlgorithm } from '../../format/dek-row.js';
import {
  OPS_LIMIT_OPTIONS,
  requireOpsLimit,
  type OpsLimitOptions,
} from '../../provider/limit-key-provider.js';
import { isVaultKeyName, isVaultKeyVersion, isVaultUrl } from '../../provider/named-mek.js';
import type { VaultClientOptions, VaultCredential } from './vault-clients.js';

export interface AkvKeyProviderOptions extends OpsLimitOptions {
  /** `https://<name>.vault.azure.net`, or a Managed HSM's address. */
  readonly vaultUrl: string;
  /** Name of the key, without a version. */
  readonly mekName: string;
  /** From `@azure/identity`. */
  readonly credential: VaultCredential;
  /** @default 'akv' */
  readonly id?: string;
  /** `A256KW` is for `oct-HSM` keys of a Managed HSM. @default 'RSA-OAEP-256' */
  readonly wrapAlgorithm?: WrapAlgorithm;
  /**
   * `'local'` wraps in this process with the public key of the vault, without a request for each wrap, so a
   * rotation takes half as many requests. The vault then has no audit entry and no permission check for each
   * wrap, and whether the version is enabled and valid is known as of `stateTtlMs` ago. Needs `keys/get` and
   * RSA. Unwrapping always happens in the vault.
   *
   * @default 'vault'
   */
  readonly wrapMode?: 'local' | 'vault';
  /** The result of `currentVersion`, instead of the newest version in the vault. Needs no `keys/get`. */
  readonly mekVersion?: string;
  /** How long the state of a version that was read is used, 1 000 to 3 600 000. @default 60 000 */
  readonly stateTtlMs?: number;
  /** Limit of one attempt, token included, 100 to 600 000. @default 10 000 */
  readonly attemptTimeoutMs?: number;
  /** Attempts of each call, 1 to 20. @default 5 */
  readonly maxAttempts?: number;
  /**
   * The longest wait between attempts, 0 to 600 000. Where the vault asks for a longer one, the call fails at
   * once, and its error has `retryAfterMs`.
   *
   * @default 30 000
   */
  readonly maxRetryDelayMs?: number;
  /** For the SDK's clients: proxy, TLS, logging, API version. */
  readonly clientOptions?: VaultClientOptions;
  /**
   * Allows a vault on this machine, for an emulator. The token is then sent to any process that listens
   * there, and for any service that it asks for. @default false
   */
  readonly insecureAllowLoopback?: boolean;
  /** The source of time for waits and lifetimes. @default systemClock */
  readonly clock?: Clock;
}

type WithoutDefault = 'mekVersion' | keyof OpsLimitOptions;

/** The options, with a default for each that has one. */
export interface AkvSettings
  extends
    Pick<AkvKeyProviderOptions, WithoutDefault>,
    Required<Omit<AkvKeyProviderOptions, WithoutDefault>> {
  readonly verifiesChallenge: boolean;
}

const OPTIONS: Readonly<Record<Exclude<keyof AkvKeyProviderOptions, keyof OpsLimitOptions>, true>> =
  {
    vaultUrl: true,
    mekName: true,
    credential: true,
    id: true,
    wrapAlgorithm: true,
    wrapMode: true,
    mekVersion: true,
    stateTtlMs: true,
    attemptTimeoutMs: true,
    maxAttempts: true,
    maxRetryDelayMs: true,
    clientOptions: true,
    insecureAllowLoopback: true,
    clock: true,
  };
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** @throws TypeError or RangeError for invalid options. */
export function readAkvOptions(options: AkvKeyProviderOptions): AkvSettings {
  const own = readOptions(options, [...Object.keys(OPTIONS), ...OPS_LIMIT_OPTIONS]);
  const { id = 'akv', wrapAlgorithm = 'RSA-OAEP-256', wrapMode = 'vault', mekVersion } = own;
  const { clientOptions = {}, clock = systemClock } = own;
  const insecureAllowLoopback = own.insecureAllowLoopback ?? false;
  requireIdentifier('id', id);
  requireOneOf('wrapAlgorithm', wrapAlgorithm, ['RSA-OAEP-256', 'A256KW']);
  requireOneOf('wrapMode', wrapMode, ['vault', 'local']);
  if (wrapMode === 'local' && wrapAlgorithm !== 'RSA-OAEP-256') {
    throw new RangeError('"wrapMode" may be "local" only with RSA-OAEP-256: other keys are secret');
  }
  const nameForm = 'letters, digits and dashes, without a version';
  requireForm('mekName', own.mekName, isVaultKeyName, nameForm);
  if (mekVersion !== undefined) {
    requireForm('mekVersion', mekVersion, isVaultKeyVersion, '32 lowercase hex digits');
  }
  requireCredential(own.credential);
  requirePlainObject('clientOptions', clientOptions);
  const verifiesChallenge = !requireVaultUrl(own.vaultUrl, insecureAllowLoopback);
  const { stateTtlMs = 60_000, attemptTimeoutMs = 10_000 } = own;
  const { maxAttempts = 5, maxRetryDelayMs = 30_000 } = own;
  requireIntegerBetween('stateTtlMs', stateTtlMs, 1_000, 3_600_000);
  requireIntegerBetween('attemptTimeoutMs', attemptTimeoutMs, 100, 600_000);
  requireIntegerBetween('maxAttempts', maxAttempts, 1, 20);
  requireIntegerBetween('maxRetryDelayMs', maxRetryDelayMs, 0, 600_000);
  requireOpsLimit(own);
  return ownProperties({
    ...own,
    ...{ stateTtlMs, attemptTimeoutMs, maxAttempts, maxRetryDelayMs },
    ...{ id, wrapAlgorithm, wrapMode, clientOptions, insecureAllowLoopback, clock },
    vaultUrl: new URL(own.vaultUrl).origin,
    verifiesChallenge,
  });
}

/** @returns Whether the vault is on this machine. */
function requireVaultUrl(vaultUrl: unknown, allowsLoopback: unknown): boolean {
  requireForm('vaultUrl', vaultUrl, isVaultUrl, 'https:// and a host, without path or query');
  requireBoolean('insecureAllowLoopback', allowsLoopback);
  const isLoopback = LOOPBACK_HOSTS.includes(new URL(vaultUrl).hostname);
  if (!isLoopback || allowsLoopback) return isLoopback;
  throw new RangeError(
    '"vaultUrl" is on this machine: for an emulator, pass insecureAllowLoopback: true',
  );
}

function requireForm(
  name: string,
  value: unknown,
  hasForm: (text: string) => boolean,
  form: string,
): asserts value is string {
  requireIdentifier(name, value);
  if (!hasForm(value)) throw new RangeError(`"${name}" expected ${form}`);
}

function requireCredential(credential: unknown): void {
  const { getToken } = (credential ?? {}) as { readonly getToken?: unknown };
  if (typeof getToken === 'function') return;
  throw new TypeError('"credential" expected a TokenCredential, such as DefaultAzureCredential');
}
