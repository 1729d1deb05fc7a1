/** Where the library tells what it does: names of `node:diagnostics_channel`. @module */

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
