/** Reads the options of an encryptor. @module */
import type { FieldEncryptorOptions } from './field-encryptor-options.js';
import { readOptions, requireBoolean, requireFunction, requireOneOf } from '../guards/guards.js';
import { isProduction } from './production.js';

const OPTIONS: readonly (keyof FieldEncryptorOptions)[] = [
  'product',
  'keyProviders',
  'dekStore',
  'dekCache',
  'mode',
  'enabled',
  'insecureAllowDisabledInProduction',
  'onPlaintextRead',
  'recoveryKey',
  'fenceTtlMs',
  'minimumEpoch',
  'recordKey',
  'previousRecordKeys',
  'insecureAcceptUnauthenticatedRecords',
  'clock',
];

/** @throws TypeError or RangeError for unknown options, and for one that is not allowed here. */
export function readEncryptorOptions(options: FieldEncryptorOptions): FieldEncryptorOptions {
  const own = readOptions(options, OPTIONS);
  const { enabled = true, insecureAllowDisabledInProduction: isAllowed = false } = own;
  const { mode = 'strict', onPlaintextRead } = own;
  requireOneOf('mode', mode, ['strict', 'migrate']);
  if (onPlaintextRead !== undefined) requireFunction('onPlaintextRead', onPlaintextRead);
  requireBoolean('enabled', enabled);
  requireBoolean('insecureAllowDisabledInProduction', isAllowed);
  if (!enabled && !isAllowed) refuseInProduction();
  return own;
}

/** Like `initEncryption` for `FIELD_ENCRYPT_ENABLED`: plaintext in production must be intended. */
function refuseInProduction(): void {
  if (!isProduction(process.env)) return;
  throw new RangeError(
    '"enabled" is false while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
  );
}
