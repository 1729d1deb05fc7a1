/** What is not as it should be, and keeps nothing from working. @module */

/** What a {@link ReadinessWarning} is about. */
export type ReadinessWarningCode = 'MEK_WEAK' | 'RECORD_KEY_WEAK' | 'VARIABLE_UNREAD';

/** What an operator should look at; it does not make an encryptor unready. */
export interface ReadinessWarning {
  readonly code: ReadinessWarningCode;
  /** Which variable or key, and what to do; never a value or a key. */
  readonly message: string;
}

/** @internal @param names - Of variables with our prefix that nothing reads. */
export function unreadWarnings(names: readonly string[]): readonly ReadinessWarning[] {
  return names.map((name) => ({
    code: 'VARIABLE_UNREAD',
    message: `The variable ${name} is not read by anything: unset it, unless it is made for a Kubernetes Service called "field-encrypt"`,
  }));
}
