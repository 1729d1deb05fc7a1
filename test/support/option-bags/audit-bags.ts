/** Options of the audit trail. @module */
import * as core from '../../../src/index.js';
import { MEK_HEX } from '../encryptor.js';
import type { OptionBag } from './option-bag.js';

const sink: core.AuditSink = { write: () => Promise.resolve() };

export const AUDIT_BAGS: readonly OptionBag[] = [
  {
    of: 'beginAuditedOperation',
    needed: () => ({ name: 'nightly' }),
    optional: ['facts'],
    use: (options) => core.beginAuditedOperation({ product: 'p', audit: { sink } }, options),
  },
  {
    of: 'beginAuditedOperation',
    owner: 'encryption',
    mayHoldMore: true,
    needed: () => ({ product: 'p', audit: { sink } }),
    optional: ['clock'],
    use: (each) => core.beginAuditedOperation(each, { name: 'nightly' }),
  },
  {
    of: 'createFieldEncryptor',
    owner: 'audit',
    needed: () => ({ sink }),
    optional: ['user', 'traceparent', 'failures', 'parentId'],
    use: (audit, { memory: dekStore }) =>
      core.createFieldEncryptor({
        ...{ product: 'p', dekStore, audit },
        keyProviders: [new core.EnvKeyProvider({ key: MEK_HEX })],
      }),
  },
];
