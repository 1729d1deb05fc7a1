/** Reads what the methods of an encryptor take besides documents. @module */
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import type {
  DecryptDocumentOptions,
  DecryptDocumentsOptions,
  OpenDocumentOptions,
  UpdateDocumentOptions,
} from './field-encryptor-options.js';
import { ownSignal } from '../async/own-signal.js';
import {
  isPlainObject,
  readOptions,
  requireBoolean,
  requireIntegerBetween,
  requireKnownOptions,
  requireSignal,
} from '../guards/guards.js';

const DECRYPT_OPTIONS: readonly (keyof DecryptDocumentOptions<AnyDefinition>)[] = ['expect'];
const DECRYPT_LIST_OPTIONS: readonly (keyof DecryptDocumentsOptions<AnyDefinition>)[] = [
  'expect',
  'concurrency',
  'signal',
];
const OPEN_OPTIONS: readonly (keyof OpenDocumentOptions)[] = ['createDek'];
const UPDATE_OPTIONS: readonly (keyof UpdateDocumentOptions)[] = ['signal', 'attempts'];
const DEFAULT_CONCURRENCY = 16;
const MOST_CONCURRENCY = 1_000;
const MOST_ATTEMPTS = 1_000;

export function readDecryptOptions<D extends AnyDefinition>(
  options: DecryptDocumentOptions<D>,
): DecryptDocumentOptions<D> {
  return readOptions(options, DECRYPT_OPTIONS);
}

export function readDecryptListOptions<D extends AnyDefinition>(
  options: DecryptDocumentsOptions<D>,
): DecryptDocumentsOptions<D> & { readonly concurrency: number } {
  const own = readOptions(options, DECRYPT_LIST_OPTIONS);
  const { concurrency = DEFAULT_CONCURRENCY, signal } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  if (signal !== undefined) requireSignal('signal', signal);
  // Not spread into a literal, which would inherit again.
  return Object.assign(own, { concurrency }, signal && { signal: ownSignal(signal) });
}

export function readOpenOptions(options: OpenDocumentOptions): Required<OpenDocumentOptions> {
  const { createDek = false } = readOptions(options, OPEN_OPTIONS);
  requireBoolean('createDek', createDek);
  return { createDek };
}

export function readUpdateOptions(options: UpdateDocumentOptions): UpdateDocumentOptions {
  const own = readOptions(options, UPDATE_OPTIONS);
  const { signal, attempts } = own;
  if (signal !== undefined) requireSignal('signal', signal);
  if (attempts !== undefined) requireIntegerBetween('attempts', attempts, 1, MOST_ATTEMPTS);
  return Object.assign(own, signal && { signal: ownSignal(signal) });
}

/** Of a method that takes no options: a `dryRun` that is not looked at would do the work. */
export function refuseOptions(rest: readonly unknown[]): void {
  const [options] = rest;
  if (options !== undefined) readOptions(options as object, []);
}

/** What is no object, and parts that are missing, are refused by the definition. */
export function requireKeyAlone<D extends AnyDefinition>(definition: D, key: DocumentKey<D>): void {
  if (isPlainObject(key)) requireKnownOptions(key, definition.key, 'key');
}
