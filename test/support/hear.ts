import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';
import { diagnosticsChannels } from '../../src/index.js';
import type {
  CacheMessage,
  FailedOpenMessage,
  PlaintextReadMessage,
  ReadinessMessage,
  RetryMessage,
  RotationRecordMessage,
  RunMessage,
  StoreMessage,
  UnwrapMessage,
  WrapMessage,
} from '../../src/index.js';

interface Messages {
  readonly wrap: WrapMessage;
  readonly unwrap: UnwrapMessage;
  readonly store: StoreMessage;
  readonly cache: CacheMessage;
  readonly retry: RetryMessage;
  readonly run: RunMessage;
  readonly plaintextRead: PlaintextReadMessage;
  readonly failedOpen: FailedOpenMessage;
  readonly rotationRecord: RotationRecordMessage;
  readonly readiness: ReadinessMessage;
}

type Name = keyof Messages;
type Phase = 'asyncEnd' | 'asyncStart' | 'end' | 'error' | 'start';

/** What is published on a plain channel from now on, until the test is over. */
export function hear<N extends Exclude<Name, 'store' | 'unwrap' | 'wrap'>>(
  name: N,
): readonly Messages[N][] {
  return collect(diagnosticsChannels[name]);
}

/** Calls in one phase, as they were then; all that have ended, unless told otherwise. */
export function hearCalls<N extends 'store' | 'unwrap' | 'wrap'>(
  name: N,
  phase: Phase = 'asyncEnd',
): readonly Messages[N][] {
  return collect(`tracing:${diagnosticsChannels[name]}:${phase}`);
}

/** Runs for every message, until the test is over. */
export function onMessage<N extends Name>(
  channel: string,
  listen: (message: Messages[N]) => void,
): void {
  const listener = (message: unknown): void => {
    listen(message as Messages[N]);
  };
  subscribe(channel, listener);
  onTestFinished(() => {
    unsubscribe(channel, listener);
  });
}

function collect<N extends Name>(channel: string): readonly Messages[N][] {
  const messages: Messages[N][] = [];
  onMessage<N>(channel, (message) => messages.push({ ...message }));
  return messages;
}
