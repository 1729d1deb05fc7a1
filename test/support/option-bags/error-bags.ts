/** Details of the errors that adapters make. @module */
import * as core from '../../../src/index.js';
import { NONE, type OptionBag } from './option-bag.js';

const DETAILS = ['cause', 'retryable', 'dekId', 'path'];

export const ERROR_BAGS: readonly OptionBag[] = Object.entries({
  FieldEncryptionError: (details) => new core.FieldEncryptionError('CONTENDED', 'text', details),
  TamperedError: (details) => new core.TamperedError('text', details),
  KeyProviderError: (details) => new core.KeyProviderError('WRAP_REJECTED', 'text', details),
  StoreError: (details) => new core.StoreError('STORE_FAILED', 'text', details),
  ConfigurationError: (details) => new core.ConfigurationError([], details),
  MekStillNeededError: (details) => new core.MekStillNeededError('mek', [], details),
} satisfies Record<string, OptionBag['use']>).map(([of, use]: [string, OptionBag['use']]) => ({
  of,
  owner: 'details',
  needed: NONE,
  optional: of === 'KeyProviderError' ? [...DETAILS, 'retryAfterMs'] : DETAILS,
  use,
}));
