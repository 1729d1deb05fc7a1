/** What is told of plaintext that readers pass through. @module */
import { channel, type Channel } from 'node:diagnostics_channel';
import { diagnosticsChannels } from './diagnostics-channels.js';

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
