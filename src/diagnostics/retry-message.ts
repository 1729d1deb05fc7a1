/** What is told of requests to a key service that are sent again. @module */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { KeyProviderErrorCode } from '../errors/errors.js';
import { diagnosticsChannels } from './diagnostics-channels.js';

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
