import { auditErrors } from './audit-errors.js';
import { boundErrors } from './bound-errors.js';
import { envelopeErrors } from './envelope-errors.js';
import { migrationErrors } from './migration-errors.js';
import { mistakeErrors } from './mistake-errors.js';
import { recordErrors } from './record-errors.js';
import { recoveryErrors } from './recovery-errors.js';
import { retirementErrors } from './retirement-errors.js';
import { weakKeyErrors } from './weak-key-errors.js';

/** The codes that one feature alone raises, each provoked, with its message. */
export const featureErrors = {
  ...auditErrors,
  ...boundErrors,
  ...envelopeErrors,
  ...migrationErrors,
  ...mistakeErrors,
  ...recordErrors,
  ...recoveryErrors,
  ...retirementErrors,
  ...weakKeyErrors,
};
