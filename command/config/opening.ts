/** What everything that is opened shares. @module */
import type { Clock } from '@bytelyst/field-encrypt';
import type { AnyDocumentStore } from './code-values.js';
import type { LoadedConfig } from './config-file.js';

export interface OpeningContext {
  readonly config: LoadedConfig;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** SQLite files are opened so that nothing can be written to them. */
  readonly readOnly: boolean;
  /** Documents may be stored in a table that is not there yet: in the collection that a move enters. */
  readonly mayMakeTables: boolean;
  /** Wraps each document store. */
  readonly wrapDocuments: (store: AnyDocumentStore) => AnyDocumentStore;
}

/** @returns A function that opens at its first call, and gives the same result to every later one. */
export function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => (opened ??= open());
}
