/** Findings that an operator should examine, and that prevent nothing from working. @module */

/** The subject of a {@link ReadinessWarning}. */
export type ReadinessWarningCode =
  'DEFINITION_UNRECORDED' | 'MEK_WEAK' | 'RECORD_KEY_WEAK' | 'VARIABLE_UNREAD';

/** What an operator should examine; it does not make an encryptor unready. */
export interface ReadinessWarning {
  readonly code: ReadinessWarningCode;
  /** Which variable or key, and what to do; never a value or a key. */
  readonly message: string;
}

/** @internal @param names - Unused variables with our prefix. */
export function unreadWarnings(names: readonly string[]): readonly ReadinessWarning[] {
  return names.map((name) => ({
    code: 'VARIABLE_UNREAD',
    message: `The variable ${name} is not used: unset it, unless Kubernetes creates it for a Service called "field-encrypt"`,
  }));
}
