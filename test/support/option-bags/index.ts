/** Every function and class of the package that takes options, with options that it takes. @module */
import { ADAPTER_BAGS } from './adapter-bags.js';
import { AUDIT_BAGS } from './audit-bags.js';
import { CORE_BAGS } from './core-bags.js';
import { ENCRYPTION_BAGS } from './encryption-bags.js';
import { ERROR_BAGS } from './error-bags.js';
import { METHOD_BAGS } from './method-bags.js';
import type { OptionBag } from './option-bag.js';
import { RUN_BAGS } from './run-bags.js';
import { STORE_BAGS } from './store-bags.js';
import { TESTING_BAGS } from './testing-bags.js';

export { optionWorld, type OptionBag } from './option-bag.js';

export const OPTION_BAGS: readonly OptionBag[] = [
  ...AUDIT_BAGS,
  ...CORE_BAGS,
  ...METHOD_BAGS,
  ...RUN_BAGS,
  ...ADAPTER_BAGS,
  ...TESTING_BAGS,
  ...STORE_BAGS,
  ...ERROR_BAGS,
  ...ENCRYPTION_BAGS,
];
