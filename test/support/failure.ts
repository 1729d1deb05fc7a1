import { isFieldEncryptionError } from '../../src/index.js';
import { assertionWatch } from './assertion-watch.js';
import { secretWatch } from './secrets/secret-watch.js';

/** An error as tests compare it: exactly. */
export interface Failure {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
}

export function describeError(error: unknown): Failure {
  if (!(error instanceof Error)) throw new TypeError('It failed with something that is no error');
  const { name, message } = error;
  return isFieldEncryptionError(error) ? { name, code: error.code, message } : { name, message };
}

/** How the promise rejects; fails the test if it does not. */
export async function failure(work: Promise<unknown>): Promise<Failure> {
  return describeError(await rejection(work));
}

/** What the promise rejects with; fails the test if it does not. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return noted(error);
  }
  throw assertionWatch.note(new Error('It should have failed, and it succeeded'));
}

/** The error of the assertion that fails in the work; fails the test if none does. */
export async function failedAssertion(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Error) || !assertionWatch.has(error)) throw error;
    assertionWatch.arrived(error);
    return error;
  }
  throw assertionWatch.note(new Error('An assertion should have failed, and none did'));
}

/** How a synchronous call fails; fails the test if it does not. */
export function failureOf(work: () => unknown): Failure {
  return describeError(thrownBy(work));
}

export function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return noted(error);
  }
  throw assertionWatch.note(new Error('It should have failed, and it succeeded'));
}

/** What the library throws is looked through for secrets; a failed assertion goes on to the test. */
function noted(error: unknown): unknown {
  if (assertionWatch.has(error)) throw error;
  if (isFieldEncryptionError(error)) secretWatch.emitted.addValue('an error', error);
  return error;
}

export function tampered(message: string): Failure {
  return { name: 'TamperedError', code: 'TAMPERED', message };
}

export function refused(code: string, message: string): Failure {
  return { name: 'FieldEncryptionError', code, message };
}

/** The message for every envelope that does not open in its place. */
export function failedField(path: string, dekId: string): Failure {
  return tampered(
    `The envelope at "${path}" failed authentication under DEK ${dekId}: it was changed, or moved from another place; a changed definition looks the same; restore the document from a backup`,
  );
}

export function malformedField(path: string, what: string): Failure {
  return tampered(
    `The envelope at "${path}" is malformed (${what}): restore the document from a backup`,
  );
}

/** The message for every DEK row that does not authenticate. */
export function failedRow(dekId: string): Failure {
  return tampered(
    `DEK row ${dekId} failed authentication: it was changed, or moved from another place; restore the row from a backup`,
  );
}

export function alteredRow(dekId: string, property: string): Failure {
  return tampered(`DEK row ${dekId} was altered (${property}): restore it from a backup`);
}
