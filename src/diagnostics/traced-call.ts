/** Tells of a call on a tracing channel, and changes nothing about it. @module */
import type { TracingChannel } from 'node:diagnostics_channel';
import type { Clock } from '../async/clock.js';
import { isFieldEncryptionError, KeyProviderError } from '../errors/errors.js';
import type { CallErrorCode, CallMessage } from './call-message.js';

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
