/** Tells of a call on a tracing channel, and changes nothing about it. @module */
import type { TracingChannel } from 'node:diagnostics_channel';
import type { Clock } from '../async/clock.js';
import { isFieldEncryptionError, KeyProviderError, type ErrorCode } from '../errors/errors.js';
import type { MekReference } from '../format/key-wrap.js';

/** On whose behalf calls are made, and by which clock they are timed. */
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
  /** What is known of the call once it has ended, whichever way. */
  readonly known?: () => Partial<Message>;
}

/**
 * Settles as the call does. Whoever calls this has looked at `hasSubscribers`.
 *
 * Not by `tracePromise`, which hands the result to every subscriber: of an unwrap, that is the DEK.
 */
export function traceCall<Message extends CallMessage, T>(
  parts: CallParts<Message, T>,
): Promise<T> {
  const { channel, message, clock, signal, known } = parts;
  const startedAt = clock.monotonicMs();
  const end = (failure: CallFailure | undefined): void => {
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
      end(undefined);
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

type CallFailure = Required<Pick<CallMessage, 'errorCode'>> & Pick<CallMessage, 'retryAfterMs'>;

function failureIn(error: unknown, signal: AbortSignal | undefined): CallFailure {
  const errorCode = errorCodeOf(error, signal);
  const retryAfterMs = error instanceof KeyProviderError ? error.retryAfterMs : undefined;
  return retryAfterMs === undefined ? { errorCode } : { errorCode, retryAfterMs };
}

/** All that is told of an error: its message may quote what an adapter was sent. */
export function errorCodeOf(error: unknown, signal?: AbortSignal): CallErrorCode {
  if (signal?.aborted && error === signal.reason) return 'ABORTED';
  return isFieldEncryptionError(error) ? error.code : 'OTHER';
}

/** `ABORTED`: by the caller's signal. `OTHER`: an error that has no code of this library. */
export type CallErrorCode = ErrorCode | 'ABORTED' | 'OTHER';

/** What all calls tell; the last three are there once the call has ended. */
export interface CallMessage {
  readonly product: string;
  /** By the encryptor's clock. */
  readonly durationMs?: number;
  /** Absent where the call succeeded. */
  readonly errorCode?: CallErrorCode;
  /** How long the key service asked to be left alone. */
  readonly retryAfterMs?: number;
}

/** One call of a key provider's `wrapKey`, with all the attempts that the provider makes of it. */
export interface WrapMessage extends CallMessage, MekReference {
  /** Absent where a random key was wrapped, just to prove that the MEK works. */
  readonly dekId?: string;
}

/** One call of a key provider's `unwrapKey`, with all the attempts that the provider makes of it. */
export interface UnwrapMessage extends CallMessage, MekReference {
  /** Absent where a random key was unwrapped, just to prove that the MEK works. */
  readonly dekId?: string;
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
  | 'listScope'
  | 'readLagMs'
  | 'replace'
  | 'replaceItem';

/**
 * One call of a DEK store. `ETAG_MISMATCH` and `ALREADY_EXISTS` are lost races, which the library
 * sees to itself.
 */
export interface StoreMessage extends CallMessage {
  readonly method: StoreMethod;
  /** Of `create`, `get` and `replace`. */
  readonly dekId?: string;
  /** Of `listScope`, `listItems` and the calls for one item that is no row. */
  readonly scopeId?: string;
  /** Of `createItem`, `getItem`, `replaceItem` and `deleteItem`: `"rotation"` for the rotation record. */
  readonly itemId?: string;
  /** Request units of all its requests; absent where the store reported none. */
  readonly requestCharge?: number;
}
