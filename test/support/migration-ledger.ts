import { deepEqual, ok } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { DekRow } from '../../src/adapters.js';
import type { DocumentStore } from '../../src/index.js';
import type { MemoryDekStore } from '../../src/testing/index.js';
import type { Loose } from './encryptor.js';

/** What a read that is executed now may find: values by field. */
export interface Sight {
  readonly acknowledged: Loose;
  readonly underWay: Loose;
}

/** Who wrote what, so that a reader can be judged; each field has one writer. */
export class Ledger {
  /** Documents by id, as last acknowledged. */
  readonly acknowledged: Map<string, Loose>;
  readonly #underWay = new Map<string, Loose>();

  constructor(acknowledged: Iterable<readonly [string, Loose]>) {
    this.acknowledged = new Map(acknowledged);
  }

  begin(id: string, change: Loose): void {
    this.#underWay.set(id, { ...this.#underWay.get(id), ...change });
  }

  acknowledge(id: string, change: Loose): void {
    this.acknowledged.set(id, { ...this.acknowledged.get(id), ...change });
    const rest = Object.entries(this.#underWay.get(id) ?? {}).filter(([name]) => !(name in change));
    this.#underWay.set(id, Object.fromEntries(rest));
  }

  sightOf(id: string): Sight {
    return {
      acknowledged: this.acknowledged.get(id) ?? {},
      underWay: this.#underWay.get(id) ?? {},
    };
  }

  /**
   * Judges what was read. A reader that has seen a write in flight must not see the value before it
   * again.
   */
  requireSeen(id: string, { acknowledged, underWay }: Sight, seen: Loose): void {
    const early = Object.keys(underWay).filter(
      (name) =>
        isDeepStrictEqual(seen[name], underWay[name]) &&
        !isDeepStrictEqual(seen[name], acknowledged[name]),
    );
    const change = Object.fromEntries(early.map((name) => [name, underWay[name]]));
    deepEqual(seen, { ...acknowledged, ...change }, `${id} was read as it was never written`);
    const now = this.#underWay.get(id) ?? {};
    for (const name of early) {
      if (isDeepStrictEqual(now[name], underWay[name])) {
        this.acknowledged.set(id, { ...this.acknowledged.get(id), [name]: underWay[name] });
      }
    }
  }
}

/** The dekIds in the envelopes of a stored document. */
export function namedDeks(stored: unknown): ReadonlySet<string> {
  if (typeof stored !== 'object' || stored === null) return new Set();
  if ('_enc' in stored) return new Set([(stored as unknown as { dekId: string }).dekId]);
  return new Set(Object.values(stored).flatMap((value) => [...namedDeks(value)]));
}

/** Every DEK that the document names has a row, and one that opens. */
export async function requireRowsOf(stored: Loose, memory: MemoryDekStore): Promise<void> {
  for (const dekId of namedDeks(stored)) {
    const item = await memory.get(dekId);
    const id = String(stored['id']);
    ok(item, `${id} names ${dekId}, which has no row`);
    const { state } = item.value as DekRow;
    ok(state !== 'shredded', `${id} names ${dekId}, which was shredded`);
  }
}

/** The same of all documents, by nothing of the library but the two stores. */
export async function requireAllRows(
  documents: DocumentStore<Loose>,
  memory: MemoryDekStore,
): Promise<void> {
  const { items } = await documents.list({ pageSize: 100 });
  for (const { document } of items) await requireRowsOf(document, memory);
}
