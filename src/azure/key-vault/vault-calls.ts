/** The three kinds of calls to a key vault, each retried while that may help. @module */
import type { GetKeyOptions, KeyVaultKey } from '@azure/keyvault-keys';
import { isUint8Array } from 'node:util/types';
import type { Clock } from '../../async/clock.js';
import { withDeadline } from '../../async/abort.js';
import type { InTurn } from '../../provider/vault-throttle.js';
import { limitedCalls } from '../../provider/limit-key-provider.js';
import { retryChannel, type RetryMessage } from '../../diagnostics/diagnostics-channels.js';
import { KeyProviderError } from '../../errors/errors.js';
import type { KeyProviderOptions } from '../../provider/key-provider.js';
import type { AkvSettings } from './akv-options.js';
import type { VaultResponse } from './vault-answer.js';
import { VaultClients } from './vault-clients.js';
import { vaultFailure, type VaultCall } from './vault-failure.js';

type Operation = VaultCall['operation'];
type CallOptions = Pick<GetKeyOptions, 'abortSignal' | 'onResponse'>;

export class VaultCalls {
  readonly #settings: AkvSettings;
  readonly #clients: VaultClients;
  readonly #inTurn: InTurn;

  constructor(settings: AkvSettings) {
    this.#settings = settings;
    this.#clients = new VaultClients(settings);
    this.#inTurn = limitedCalls(settings, settings);
  }

  /** @param mekVersion - `undefined` for the newest version. */
  getKey(mekVersion: string | undefined): Promise<KeyVaultKey> {
    const { mekName } = this.#settings;
    const version = mekVersion === undefined ? {} : { version: mekVersion };
    return this.#attempt('get', mekVersion, {}, async (options) => {
      const key = await this.#clients.keys.getKey(mekName, { ...options, ...version });
      this.#requireKeyId(key.id, mekVersion);
      return key;
    });
  }

  /** @param bytes - A DEK to wrap, or a wrap of one. */
  crypt(
    operation: Exclude<Operation, 'get'>,
    bytes: Uint8Array,
    mekVersion: string,
    asked: KeyProviderOptions,
  ): Promise<Uint8Array> {
    const { id: keyProvider, mekName, wrapAlgorithm } = this.#settings;
    return this.#inTurn({ keyProvider, mekName }, asked, (pacing) => {
      const client = this.#clients.of(mekVersion);
      return this.#attempt(operation, mekVersion, { ...asked, ...pacing }, async (options) => {
        let keyId: unknown;
        // The SDK's own result names the requested key, not the key that answered.
        const onResponse: CallOptions['onResponse'] = (response, flat) => {
          options.onResponse?.(response, flat);
          const { parsedBody } = response;
          keyId = (parsedBody as { readonly kid?: unknown } | undefined)?.kid;
        };
        const { result } = await client.use(
          (each) => each[operation](wrapAlgorithm, bytes, { ...options, onResponse }),
          asked.signal,
        );
        this.#requireKeyId(keyId, mekVersion);
        // The SDK turns an empty value into a string.
        return isUint8Array(result) ? result : new Uint8Array();
      });
    });
  }

  #attempt<T>(
    operation: Operation,
    mekVersion: string | undefined,
    asked: KeyProviderOptions,
    work: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { signal } = asked;
    const { attemptTimeoutMs, vaultUrl, mekName } = this.#settings;
    const call = { operation, vaultUrl, mekName, mekVersion, attemptTimeoutMs };
    const attempt = async (): Promise<T> => {
      let arrived: VaultResponse | undefined;
      const onResponse: CallOptions['onResponse'] = (response) => {
        arrived = response;
      };
      const run = (abortSignal: AbortSignal): Promise<T> => work({ abortSignal, onResponse });
      try {
        return await withDeadline(run, attemptTimeoutMs, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof KeyProviderError) throw error;
        throw vaultFailure(error, call, arrived);
      }
    };
    return attemptRepeatedly(attempt, this.#settings, asked);
  }

  /** Refuses an answer about another key. @param mekVersion - `undefined` accepts any version. */
  #requireKeyId(keyId: unknown, mekVersion: string | undefined): void {
    const { vaultUrl, mekName } = this.#settings;
    const key = `${vaultUrl}/keys/${mekName}`;
    const expected = mekVersion === undefined ? key : `${key}/${mekVersion}`;
    const text = typeof keyId === 'string' ? keyId : '';
    const answered = mekVersion === undefined ? text.replace(/\/[^/]*$/, '') : text;
    // Key Vault ignores case in names.
    if (answered.toLowerCase() === expected.toLowerCase()) return;
    throw new KeyProviderError(
      'KEY_PROVIDER_FAILED',
      `The vault answered for a key other than ${expected}: check any proxy in between`,
    );
  }
}

const FIRST_DELAY_MS = 250;
// Key Vault asks for 1, 2, 4, 8 and 16 s, and often sends no Retry-After.
const FIRST_THROTTLED_DELAY_MS = 1_000;
const SPREAD = 0.25;

/** @param attempt - Rejects with a {@link KeyProviderError} only, unless it was aborted. */
async function attemptRepeatedly<T>(
  attempt: () => Promise<T>,
  settings: AkvSettings,
  { signal, beforeRetry }: KeyProviderOptions,
): Promise<T> {
  const { id: keyProvider, mekName, clock, maxAttempts, maxRetryDelayMs } = settings;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof KeyProviderError) || !error.retryable) throw error;
      // A caller that paces its calls makes all of them wait, and not just this one.
      if (beforeRetry && error.code === 'KEY_PROVIDER_THROTTLED') throw error;
      const delayMs =
        error.retryAfterMs ?? Math.min(backoffMs(error, attempts, clock), maxRetryDelayMs);
      if (attempts >= maxAttempts || delayMs > maxRetryDelayMs) throw error;
      if (retryChannel.hasSubscribers) {
        const { code: errorCode } = error;
        const message = { keyProvider, mekName, errorCode, attempts, delayMs };
        retryChannel.publish(message satisfies RetryMessage);
      }
      await clock.sleep(delayMs, signal);
      await beforeRetry?.();
    }
  }
}

function backoffMs({ code }: KeyProviderError, attempts: number, clock: Clock): number {
  const firstMs = code === 'KEY_PROVIDER_THROTTLED' ? FIRST_THROTTLED_DELAY_MS : FIRST_DELAY_MS;
  return firstMs * 2 ** (attempts - 1) * (1 + SPREAD * clock.jitter());
}
