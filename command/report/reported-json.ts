/** Writes events and results as JSON: errors by code and message, documents without their keys. @module */
import { isFieldEncryptionError } from '@bytelyst/field-encrypt';
import type { ReportedError } from './reported-error.js';
import { operatorWords } from './operator-words.js';

/** @param documentKeys - Whether documents are named by their key properties. */
export function reportedJson(value: unknown, documentKeys: boolean, indent?: number): string {
  return JSON.stringify(
    value,
    (name, each: unknown) => {
      if (each instanceof Error) return reportedError(each);
      return !documentKeys && isDocumentKey(name, each) ? undefined : each;
    },
    indent,
  );
}

/** The same as a plain object. */
export function reportedValue(value: unknown, documentKeys: boolean): unknown {
  return value === undefined ? undefined : JSON.parse(reportedJson(value, documentKeys));
}

/**
 * `key` and `example` of an event are objects where they name a document, and `scope` a list of its collection
 * and key. The `key` of a definition is a list of names.
 */
function isDocumentKey(name: string, value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (name === 'key' || name === 'example') return isObject;
  return name === 'scope' && Array.isArray(value);
}

export function reportedError(error: unknown): ReportedError {
  if (!(error instanceof Error))
    return { name: 'Error', message: 'A value that is no error was thrown' };
  const { name } = error;
  if (!isFieldEncryptionError(error)) return { name, message: operatorWords(error.message) };
  return {
    name,
    code: error.code,
    message: `${operatorWords(error.message)}${sqliteText(error.cause)}`,
  };
}

/** The same in one line. */
export function reportedText(error: unknown): string {
  const { code, message } = reportedError(error);
  return code === undefined ? message : `${code}: ${message}`;
}

/** SQLite names tables and columns in its errors, and no values. */
function sqliteText(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  const { code } = cause as NodeJS.ErrnoException;
  return code?.startsWith('SQLITE_') ? ` (${code}: ${cause.message})` : '';
}
