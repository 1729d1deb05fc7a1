/** Names and messages of the channels of `node:diagnostics_channel`. @module */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { KeyProviderErrorCode } from '../errors/errors.js';

/**
 * Names of the channels on which the library tells what it does, for metrics and tracing.
 *
 * `wrap`, `unwrap` and `store` are tracing channels, with a message object for each call: see
 * {@link WrapMessage}, {@link UnwrapMessage} and {@link StoreMessage}. Subscribe to
 * `tracing:<name>:asyncEnd` for finished calls, or to all five by Node's `tracingChannel(name)`. The
 * others are plain channels: {@link CacheMessage}, {@link RetryMessage}, {@link RunMessage} and
 * {@link PlaintextReadMessage}.
 *
 * Messages are plain data: names, ids, counts and codes. No key, wrap, ciphertext, plaintext or key
 * part of a document is in any of them, and no error object either, because an adapter's may quote
 * what it was sent: `error` and `result`, which Node's own helpers set, stay absent.
 *
 * A subscriber runs before the call goes on, so keep it short. What it throws fails no call: Node
 * reports it as an uncaught exception, which ends the process unless that is handled. Without
 * subscribers nothing is measured and no message is made.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import { diagnosticsChannels, type CacheMessage, type UnwrapMessage } from '@bytelyst/field-encrypt';
 *
 * const asked = { hit: 0, miss: 0, joined: 0, evicted: 0 };
 * subscribe(diagnosticsChannels.cache, (message) => {
 *   asked[(message as CacheMessage).type] += 1;
 * });
 * const unwraps = { count: 0, totalMs: 0, slowestMs: 0 };
 * subscribe(`tracing:${diagnosticsChannels.unwrap}:asyncEnd`, (message) => {
 *   const { durationMs = 0 } = message as UnwrapMessage;
 *   unwraps.count += 1;
 *   unwraps.totalMs += durationMs;
 *   unwraps.slowestMs = Math.max(unwraps.slowestMs, durationMs);
 * });
 * const hitRatio = (): number => asked.hit / (asked.hit + asked.miss + asked.joined);
 * const meanMs = (): number => unwraps.totalMs / unwraps.count;
 * console.log(hitRatio(), meanMs()); // NaN NaN, before the first document
 * ```
 */
export const diagnosticsChannels = {
  wrap: 'bytelyst.field-encrypt.wrap',
  unwrap: 'bytelyst.field-encrypt.unwrap',
  store: 'bytelyst.field-encrypt.store',
  cache: 'bytelyst.field-encrypt.cache',
  retry: 'bytelyst.field-encrypt.retry',
  run: 'bytelyst.field-encrypt.run',
  plaintextRead: 'bytelyst.field-encrypt.plaintext-read',
} as const;

/**
 * A DEK was asked for, or left the cache. Of what was asked for, the hit ratio is
 * `hit / (hit + miss + joined)`.
 *
 * - `hit`: it was in memory, and cost nothing. So is one that was just made.
 * - `miss`: it was not, and a load began: mostly one read of the store, and one unwrap.
 * - `joined`: it was not, and the load that somebody else had begun is waited for.
 * - `evicted`: it was dropped, see `reason`.
 *
 * Where a load that was joined took longer than the cache's `ttlMs`, the DEK is loaded again and told
 * of again.
 */
export type CacheMessage =
  | { readonly type: 'hit' | 'joined' | 'miss'; readonly dekId: string }
  | {
      readonly type: 'evicted';
      readonly dekId: string;
      /**
       * `expired`: after `ttlMs`; `full`: for another DEK, with `maxEntries` held; `invalidated`: it
       * was shredded, retired or revoked, or the cache was cleared.
       */
      readonly reason: 'expired' | 'full' | 'invalidated';
    };

type EvictionReason = Extract<CacheMessage, { readonly type: 'evicted' }>['reason'];

const cache = channel(diagnosticsChannels.cache);

export function tellOfDek(type: 'hit' | 'joined' | 'miss', dekId: string): void {
  if (cache.hasSubscribers) cache.publish({ type, dekId } satisfies CacheMessage);
}

export function tellOfEviction(dekId: string, reason: EvictionReason): void {
  if (cache.hasSubscribers)
    cache.publish({ type: 'evicted', dekId, reason } satisfies CacheMessage);
}

/**
 * A declared field was plaintext and was passed through; one message for each that `plaintextReads`
 * counts. Which document it was, only `onPlaintextRead` says: ids can be personal data.
 */
export interface PlaintextReadMessage {
  readonly product: string;
  readonly collection: string;
  /** As declared: `tags[]` for each element; the container's where that is not of the declared shape. */
  readonly path: string;
}

export const plaintextReadChannel: Channel = channel(diagnosticsChannels.plaintextRead);

/**
 * A request to a key service failed, and its provider is about to try it again. The last failure of a
 * call is not one of these: it is in the {@link WrapMessage} or {@link UnwrapMessage}.
 */
export interface RetryMessage {
  readonly keyProvider: string;
  readonly mekName: string;
  /** `KEY_PROVIDER_THROTTLED` for a throttled one. */
  readonly errorCode: KeyProviderErrorCode;
  /** Attempts so far, from 1 on. */
  readonly attempts: number;
  /** Until the next one. */
  readonly delayMs: number;
}

export const retryChannel: Channel = channel(diagnosticsChannels.retry);
