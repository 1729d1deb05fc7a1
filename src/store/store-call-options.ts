/** Reads the options of a store's methods. @module */
import { readOptions } from '../guards/guards.js';
import type { DekRowFilter, DekStoreOptions, ListDekRowsOptions } from './dek-store.js';

type Names<T> = readonly (keyof T)[];

const CALL_OPTIONS: Names<DekStoreOptions> = ['signal', 'onRequestCharge'];
const LIST_OPTIONS: Names<ListDekRowsOptions> = ['pageSize', 'continuation', ...CALL_OPTIONS];
const FILTER: Names<DekRowFilter> = ['product', 'mekVersion', 'idFrom', 'idBefore'];

/** One for all calls without options: reads are many. */
const NONE: object = Object.freeze(Object.create(null) as object);

/** Of a DEK store and a document store alike. */
export function readCallOptions(options: DekStoreOptions | undefined): DekStoreOptions {
  return options === undefined ? NONE : readOptions(options, CALL_OPTIONS);
}

/** Of a DEK store and a document store alike. */
export function readListOptions(options: ListDekRowsOptions | undefined): ListDekRowsOptions {
  return options === undefined ? NONE : readOptions(options, LIST_OPTIONS);
}

/** A misspelt condition would list and count everything. */
export function readRowFilter(filter: DekRowFilter): DekRowFilter {
  return readOptions(filter, FILTER, 'filter');
}
