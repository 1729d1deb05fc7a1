/** The DEK rows that a caller selects from a copy of the store. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import { isDekId, isScopeId, scopeIdIn } from '../format/key-scope.js';
import { requireList } from '../guards/guards.js';
import { dekRowPages, idOf } from '../run/change-row.js';
import type { RunContext } from '../run/run-context.js';
import type { DekRowFilter, DekStore, StoredItem } from '../store/dek-store.js';

/** Which rows; all rows of the product where both are absent. */
export interface RowSelection {
  readonly dekIds: readonly string[] | undefined;
  readonly scopeIds: readonly string[] | undefined;
}

/** A row to import. */
export interface CopiedRow {
  readonly dekId: string;
  /** As it is in the copy; absent where a row that the caller named is not in it. */
  readonly copied: StoredItem | undefined;
  /** The row that the store has under this id. */
  readonly present: StoredItem | undefined;
}

/** @throws TypeError or RangeError for anything but dekIds and scopeIds. */
export function readRowSelection(dekIds: unknown, scopeIds: unknown): RowSelection {
  return {
    dekIds: readIds('dekIds', dekIds, isDekId, 'a dekId'),
    scopeIds: readIds('scopes', scopeIds, isScopeId, 'the 32 hex digits of a dekId before its dot'),
  };
}

/** An empty list would select nothing silently, or everything. */
function readIds(
  name: string,
  ids: unknown,
  isId: (id: unknown) => id is string,
  expected: string,
): readonly string[] | undefined {
  if (ids === undefined) return undefined;
  requireList(name, ids);
  if (ids.length === 0) throw new RangeError(`"${name}" expected at least one, got none`);
  const wrong = ids.findIndex((id) => !isId(id));
  if (wrong < 0) return [...new Set(ids as string[])];
  throw new TypeError(`"${name}[${String(wrong)}]" expected ${expected}, got another value`);
}

/** Only the rows of one scope. */
export function scopeFilter(product: string, scopeId: string): DekRowFilter {
  // A slash follows the dot.
  return { product, idFrom: `${scopeId}.`, idBefore: `${scopeId}/` };
}

const IDS_AT_ONCE = 200;

export class CopiedRows {
  readonly #context: RunContext;
  readonly #copy: DekStore;
  readonly #dekIds: ReadonlySet<string>;
  readonly #filters: readonly DekRowFilter[];

  constructor(context: RunContext, copy: DekStore, { dekIds, scopeIds }: RowSelection) {
    const { product } = context;
    this.#context = context;
    this.#copy = copy;
    this.#dekIds = new Set(dekIds);
    const isAll = dekIds === undefined && scopeIds === undefined;
    const filters = scopeIds?.map((scopeId) => scopeFilter(product, scopeId)) ?? [];
    this.#filters = isAll ? [{ product }] : filters;
  }

  /** Whether the caller asked for exactly this row. */
  isNamed(dekId: string): boolean {
    return this.#dekIds.has(dekId);
  }

  async count(): Promise<number> {
    let total = this.#dekIds.size;
    for (const filter of this.#filters) total += await this.#countOf(filter);
    return total;
  }

  /** @throws FieldEncryptionError `DEK_NOT_FOUND` where the copy has no row of the product, or of a scope. */
  async requireRows(): Promise<void> {
    for (const filter of this.#filters) {
      if ((await this.#countOf(filter)) === 0) throw noRows(filter);
    }
  }

  async *pages(): AsyncGenerator<readonly CopiedRow[], void, void> {
    const named = [...this.#dekIds];
    for (let from = 0; from < named.length; from += IDS_AT_ONCE) {
      yield await this.#named(named.slice(from, from + IDS_AT_ONCE));
    }
    for (const filter of this.#filters) {
      for await (const items of dekRowPages(this.#copy, filter, this.#context.signal)) {
        const others = items.map((copied) => ({ dekId: idOf(copied), copied }));
        yield await this.#withPresent(others.filter(({ dekId }) => !this.isNamed(dekId)));
      }
    }
  }

  async #countOf(filter: DekRowFilter): Promise<number> {
    return this.#copy.count(filter, { signal: this.#context.signal });
  }

  async #named(dekIds: readonly string[]): Promise<readonly CopiedRow[]> {
    const found = await this.#copy.getMany(dekIds, { signal: this.#context.signal });
    return this.#withPresent(dekIds.map((dekId) => ({ dekId, copied: found.get(dekId) })));
  }

  async #withPresent(rows: readonly Omit<CopiedRow, 'present'>[]): Promise<readonly CopiedRow[]> {
    const { dekStore, signal } = this.#context;
    const dekIds = rows.map(({ dekId }) => dekId).filter(isDekId);
    const present: ReadonlyMap<string, StoredItem> =
      dekIds.length === 0 ? new Map() : await dekStore.getMany(dekIds, { signal });
    return rows.map((row) => ({ ...row, present: present.get(row.dekId) }));
  }
}

function noRows({ product, idFrom }: DekRowFilter): FieldEncryptionError {
  const what = idFrom === undefined ? `the product "${product}"` : `the scope ${scopeIdIn(idFrom)}`;
  return new FieldEncryptionError(
    'DEK_NOT_FOUND',
    `The copy in "from" has no DEK row of ${what}, and nothing was written: pass a copy that has it`,
  );
}
