/** Names and messages of the channels of `node:diagnostics_channel`. @module */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { KeyProviderErrorCode } from '../errors/errors.js';
import type { MekReference } from '../format/dek-row.js';

/**
 * Names of the channels on which the library publishes what it does, for metrics and tracing.
 *
 * `wrap`, `unwrap` and `store` are tracing channels, with a message object for each call: see {@link
 * WrapMessage}, {@link UnwrapMessage} and {@link StoreMessage}. Subscribe to `tracing:<name>:asyncEnd` for
 * finished calls, or to all five with Node's `tracingChannel(name)`. The others are plain channels: {@link
 * CacheMessage}, {@link RetryMessage}, {@link RunMessage}, {@link FailedOpenMessage}, {@link
 * RotationRecordMessage}, {@link ReadinessMessage} and, also for `definitionMismatch`, {@link
 * PlaintextReadMessage}. `instrumentEncryption` of `@bytelyst/field-encrypt/otel` makes metrics and spans of
 * all of them.
 *
 * Messages are plain data: names, ids, counts and codes. They never hold a key, a wrap, ciphertext, plaintext
 * or a key part of a document. They hold no error object either, because an error of an adapter may quote its
 * input: `error` and `result`, which Node's own helpers set, stay absent.
 *
 * A subscriber runs before the call continues, so keep it short. An exception in it fails no call: Node
 * reports it as an uncaught exception, which ends the process unless it is handled. Without subscribers
 * nothing is measured and no message is created.
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
  definitionMismatch: 'bytelyst.field-encrypt.definition-mismatch',
  failedOpen: 'bytelyst.field-encrypt.failed-open',
  rotationRecord: 'bytelyst.field-encrypt.rotation-record',
  readiness: 'bytelyst.field-encrypt.readiness',
} as const;

/**
 * A DEK was requested, or left the cache. The hit ratio is `hit / (hit + miss + joined)`.
 *
 * - `hit`: it was in memory, and cost nothing; a DEK that was just created counts too.
 * - `miss`: it was not in memory, and a load began: usually one read of the store, and one unwrap.
 * - `joined`: it was not in memory, and the call waits for a load that another call began.
 * - `evicted`: it was removed, see `reason`.
 *
 * Where a joined load took longer than the cache's `ttlMs`, the DEK is loaded and published again.
 */
export type CacheMessage =
  | { readonly type: 'hit' | 'joined' | 'miss'; readonly dekId: string }
  | {
      readonly type: 'evicted';
      readonly dekId: string;
      /**
       * `expired`: after `ttlMs`; `full`: to make room for another DEK at `maxEntries`; `invalidated`: it was
       * shredded, retired or revoked, or the cache was cleared.
       */
      readonly reason: 'expired' | 'full' | 'invalidated';
    };

export const cacheChannel: Channel = channel(diagnosticsChannels.cache);

/**
 * A declared field was plaintext and was passed through; one message for each one that `plaintextReads`
 * counts. Only `onPlaintextRead` says in which document it was: ids can be personal data.
 */
export interface PlaintextReadMessage {
  readonly product: string;
  readonly collection: string;
  /**
   * The declared path: `tags[]` for each element; the container's path where that does not have the declared
   * shape.
   */
  readonly path: string;
}

export const plaintextReadChannel: Channel = channel(diagnosticsChannels.plaintextRead);

/**
 * A stored document holds an envelope that another definition sealed, and it was passed through as it is; one
 * {@link PlaintextReadMessage} for each that `definitionMismatches` counts.
 */
export const definitionMismatchChannel: Channel = channel(diagnosticsChannels.definitionMismatch);

/**
 * A request to a key service failed, and its provider, or the run that made it, is about to retry it. The last
 * failure of a call is not published here: it is in the {@link WrapMessage} or {@link UnwrapMessage}.
 */
export interface RetryMessage {
  readonly keyProvider: string;
  readonly mekName: string;
  /** `KEY_PROVIDER_THROTTLED` for a throttled request. */
  readonly errorCode: KeyProviderErrorCode;
  /** Attempts so far, from 1 on. */
  readonly attempts: number;
  /** Time until the next attempt; where calls are limited to a rate, it may still have to wait its turn. */
  readonly delayMs: number;
}

export const retryChannel: Channel = channel(diagnosticsChannels.retry);

/**
 * A document could not be opened: its caller got the error, or the list an entry with it. Mistakes of the
 * caller and aborted calls are not published.
 */
export interface FailedOpenMessage {
  readonly product: string;
  readonly collection: string;
  /** `TAMPERED` calls for an alarm; `OTHER` for an error without a code of this library. */
  readonly errorCode: string;
  readonly dekId?: string;
  /** Where it is a declared path. */
  readonly path?: string;
}

export const failedOpenChannel: Channel = channel(diagnosticsChannels.failedOpen);

/** The rotation record was read: what this process knows of rotations, also of those that others run. */
export interface RotationRecordMessage {
  readonly product: string;
  /** Rises with every rotation, and orders MEK versions. */
  readonly epoch: number;
  readonly state: 'complete' | 'fencing' | 'rewrapping';
  /** The MEK version that wraps new DEKs. */
  readonly target: MekReference;
}

export const rotationRecordChannel: Channel = channel(diagnosticsChannels.rotationRecord);

/** The outcome of one `checkReadiness`. */
export interface ReadinessMessage {
  readonly product: string;
  readonly ready: boolean;
  readonly enabled: boolean;
  readonly mode: 'migrate' | 'strict';
  /** By the name of the check. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[];
}

export const readinessChannel: Channel = channel(diagnosticsChannels.readiness);
