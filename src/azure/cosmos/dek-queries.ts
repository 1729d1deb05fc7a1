/** The queries over DEK rows. @module */
import type { JSONValue, SqlQuerySpec } from '@azure/cosmos';
import { scopeIdIn } from '../../format/key-scope.js';
import type { DekRowFilter } from '../../store/dek-store.js';
import { NO_ROW_MARK, NO_ROW_TYPES } from '../../format/item-type.js';

const TYPES = NO_ROW_TYPES.map((type) => `"${type}"`).join(', ');
/**
 * Items of a type that is not known here, or of none, are rows that a scan must not pass over. So are
 * rows whose type was edited: their scope still shows them.
 */
const ROWS = `(NOT IS_STRING(c.type) OR NOT (c.type IN (${TYPES}) AND CONTAINS(c.scopeId, "${NO_ROW_MARK}")))`;

export function listQuery(filter: DekRowFilter): SqlQuerySpec {
  return where('SELECT * FROM c', filter);
}

export function countQuery(filter: DekRowFilter): SqlQuerySpec {
  return where('SELECT VALUE COUNT(1) FROM c', filter);
}

/** The partition key stands in the text too: alone in the options it would be a filter unseen. */
export function scopeQuery(scopeId: string): SqlQuerySpec {
  return {
    query: 'SELECT * FROM c WHERE c.scopeId = @scopeId',
    parameters: [{ name: '@scopeId', value: scopeId }],
  };
}

export function idsQuery(ids: readonly string[]): SqlQuerySpec {
  const scopeIds = [...new Set(ids.map(scopeIdIn))];
  const scopes = scopeIds.map((value, at) => ({ name: `@scopeId${String(at)}`, value }));
  const names = ids.map((value, at) => ({ name: `@id${String(at)}`, value }));
  return {
    query: `SELECT * FROM c WHERE c.scopeId IN (${namesOf(scopes)}) AND c.id IN (${namesOf(names)})`,
    parameters: [...scopes, ...names],
  };
}

function where(
  select: string,
  { product, mekVersion, idFrom, idBefore }: DekRowFilter,
): SqlQuerySpec {
  const conditions: (readonly [string, string, string | undefined])[] = [
    ['c.product = @product', '@product', product],
    ['c.mekVersion = @mekVersion', '@mekVersion', mekVersion],
    ['c.id >= @idFrom', '@idFrom', idFrom],
    ['c.id < @idBefore', '@idBefore', idBefore],
  ];
  const asked = conditions.filter(([, , value]) => value !== undefined);
  return {
    query: `${select} WHERE ${[...asked.map(([condition]) => condition), ROWS].join(' AND ')}`,
    parameters: asked.map(([, name, value]) => ({ name, value: value as JSONValue })),
  };
}

function namesOf(parameters: readonly { readonly name: string }[]): string {
  return parameters.map(({ name }) => name).join(', ');
}
