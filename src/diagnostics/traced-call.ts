/** Publishes a call on a tracing channel, and changes nothing about it. @module */
import type { TracingChannel } from 'node:diagnostics_channel';
import type { Clock } from '../async/clock.js';
import { isFieldEncryptionError, KeyProviderError, type ErrorCode } from '../errors/errors.js';
import type { MekReference } from '../format/dek-row.js';

/** The origin of published calls, and the clock that measures them. */
export interface CallSource {
  readonly product: string;
  readonly clock: Clock;
}

interface CallParts<Message extends CallMessage, T> {
  readonly channel: TracingChannel<unknown, Message>;
  readonly message: Message;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly call: () => Promise<T>;
  /** Details that are known once the call has ended, in either way. */
  readonly known?: () => Partial<Message>;
}

/**
 * Settles as the call does. The caller has checked `hasSubscribers`.
 *
 * `tracePromise` is not used: it passes the result to every subscriber, and the result of an unwrap is the
 * DEK.
 */
export function traceCall<Message extends CallMessage, T>(
  parts: CallParts<Message, T>,
): Promise<T> {
  const { channel, message, clock, signal, known } = parts;
  const startedAt = clock.monotonicMs();
  const end = (failure?: Partial<CallMessage>): void => {
    complete(message, { durationMs: clock.monotonicMs() - startedAt, ...failure, ...known?.() });
    if (failure) channel.error.publish(message);
    channel.asyncStart.publish(message);
    channel.asyncEnd.publish(message);
  };
  return channel.start.runStores(message, async () => {
    const called = parts.call();
    channel.end.publish(message);
    try {
      const value = await called;
      end();
      return value;
    } catch (error) {
      end(failureIn(error, signal));
      throw error;
    }
  });
}

/** Not by assignment, which throws where a subscriber has frozen the message. */
function complete(message: object, known: object): void {
  for (const [name, value] of Object.entries(known)) {
    Reflect.defineProperty(message, name, { value, enumerable: true, configurable: true });
  }
}

function failureIn(error: unknown, signal: AbortSignal | undefined): Partial<CallMessage> {
  const errorCode = errorCodeOf(error, signal);
  const retryAfterMs = error instanceof KeyProviderError ? error.retryAfterMs : undefined;
  return retryAfterMs === undefined ? { errorCode } : { errorCode, retryAfterMs };
}

/** All that is published of an error: its message may quote the input of an adapter. */
export function errorCodeOf(error: unknown, signal?: AbortSignal): CallErrorCode {
  if (signal?.aborted && error === signal.reason) return 'ABORTED';
  return isFieldEncryptionError(error) ? error.code : 'OTHER';
}

/** `ABORTED`: by the caller's signal. `OTHER`: an error without a code of this library. */
export type CallErrorCode = ErrorCode | 'ABORTED' | 'OTHER';

/** The properties of all calls; the last three are present once the call has ended. */
export interface CallMessage {
  readonly product: string;
  /** Measured by the encryptor's clock. */
  readonly durationMs?: number;
  /** Absent where the call succeeded. */
  readonly errorCode?: CallErrorCode;
  /** How long the key service asked callers to wait. */
  readonly retryAfterMs?: number;
}

/** One call of a key provider's `wrapKey`, including all attempts of the provider. */
export interface WrapMessage extends CallMessage, MekReference {
  /** Absent where a random key was wrapped, or unwrapped, only to prove that the MEK works. */
  readonly dekId?: string;
}

/** One call of a key provider's `unwrapKey`, including all attempts of the provider. */
export interface UnwrapMessage extends WrapMessage {
  /**
   * The epoch of the DEK row, where the DEK is to open or seal documents; absent where a run only wraps it
   * again, and in a proof. It orders MEK versions: the row of a higher epoch names the newer one.
   */
  readonly epoch?: number;
}

/** A method of a DEK store. */
type StoreMethod =
  | 'count'
  | 'create'
  | 'createItem'
  | 'deleteItem'
  | 'get'
  | 'getItem'
  | 'getMany'
  | 'list'
  | 'listItems'
  | 'listProducts'
  | 'listScope'
  | 'readLagMs'
  | 'replace'
  | 'replaceItem';

/**
 * One call of a DEK store. `ETAG_MISMATCH` and `ALREADY_EXISTS` are lost races, which the library handles.
 */
export interface StoreMessage extends CallMessage {
  readonly method: StoreMethod;
  /** Set for `create`, `get` and `replace`. */
  readonly dekId?: string;
  /** Set for `listScope`, `listItems` and the calls for one item other than a row. */
  readonly scopeId?: string;
  /**
   * Set for `createItem`, `getItem`, `replaceItem` and `deleteItem`: `"rotation"` for the rotation record.
   */
  readonly itemId?: string;
  /** Request units of all its requests; absent where the store reported none. */
  readonly requestCharge?: number;
}
