/** Reads the options of an encryptor's methods. @module */
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import type {
  DecryptDocumentOptions,
  DecryptDocumentsOptions,
  OpenDocumentOptions,
  UpdateDocumentOptions,
} from './field-encryptor-options.js';
import { ownCallOptions } from '../async/call-options.js';
import {
  isPlainObject,
  requireBoolean,
  requireIntegerBetween,
  requireKnownOptions,
} from '../guards/guards.js';

/** Shared by all calls without options: some calls are made for each document. */
const NONE: object = Object.freeze(Object.create(null) as object);
const DEFAULT_CONCURRENCY = 16;
const MOST_CONCURRENCY = 1_000;
const MOST_ATTEMPTS = 1_000;

export function readDecryptOptions<D extends AnyDefinition>(
  options: DecryptDocumentOptions<D> | undefined,
): DecryptDocumentOptions<D> {
  return options === undefined ? NONE : ownCallOptions(options, ['expect']);
}

export function readDecryptListOptions<D extends AnyDefinition>(
  options: DecryptDocumentsOptions<D>,
): DecryptDocumentsOptions<D> & { readonly concurrency: number } {
  const own = ownCallOptions(options, ['expect', 'concurrency']);
  const { concurrency = DEFAULT_CONCURRENCY } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  // Not spread into a literal, which would inherit from `Object.prototype` again.
  return Object.assign(own, { concurrency });
}

export function readOpenOptions(options: OpenDocumentOptions): Required<OpenDocumentOptions> {
  const { createDek = false, signal } = ownCallOptions(options, ['createDek']);
  requireBoolean('createDek', createDek);
  return { createDek, signal };
}

export function readUpdateOptions(options: UpdateDocumentOptions): UpdateDocumentOptions {
  const own = ownCallOptions(options, ['attempts']);
  const { attempts } = own;
  if (attempts !== undefined) requireIntegerBetween('attempts', attempts, 1, MOST_ATTEMPTS);
  return own;
}

/** The definition refuses anything but an object, and missing parts. */
export function requireKeyAlone<D extends AnyDefinition>(definition: D, key: DocumentKey<D>): void {
  if (isPlainObject(key)) requireKnownOptions(key, definition.key, 'key');
}
