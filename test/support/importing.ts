import {
  importDekRows,
  type DekStore,
  type ImportDekRowsEvent,
  type ImportDekRowsOptions,
  type ImportDekRowsSummary,
} from '../../src/index.js';
import { scopeIdIn } from '../../src/format/key-scope.js';
import type { DekRow } from '../../src/adapters.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { envelopeAt, PRODUCT, setup, type Loose, type Setup } from './encryptor.js';
import { withKeys, writeNotes } from './rotations.js';
import { runToEnd, type Run } from './run-to-end.js';

export interface Restored {
  readonly made: Setup;
  readonly stored: readonly Loose[];
  readonly dekIds: readonly string[];
  /** As the store was when every row was in it. */
  readonly copy: MemoryDekStore;
  /** Another process, which has nothing in memory. */
  readonly operator: Setup;
}

/** Notes whose rows are in a copy of the store too. */
export async function restored(count = 3, made?: Setup): Promise<Restored> {
  const author = made ?? setup();
  const stored = await writeNotes(author, count);
  const dekIds = stored.map((each) => envelopeAt(each, 'body').dekId);
  const copy = await copied(author.memory);
  return { made: author, stored, dekIds, copy, operator: withKeys(author, ['a']) };
}

/** Every row of a store in another one. */
export async function copied(store: DekStore): Promise<MemoryDekStore> {
  const copy = new MemoryDekStore();
  const { items } = await store.list({ product: PRODUCT }, { pageSize: 10_000 });
  for (const { value } of items) await copy.create(value as DekRow);
  return copy;
}

/** Loses a row, as a restore or a mistaken delete does. */
export async function lose({ memory }: Pick<Setup, 'memory'>, dekId: string): Promise<void> {
  const item = await memory.get(dekId);
  await memory.deleteItem(scopeIdIn(dekId), dekId, item?.etag ?? '');
}

export async function rowIn(store: DekStore, dekId: string): Promise<Loose | undefined> {
  return (await store.get(dekId))?.value as Loose | undefined;
}

/** Alters a row of a store. */
export async function alterIn(store: DekStore, dekId: string, change: Loose): Promise<void> {
  const item = await store.get(dekId);
  await store.replace({ ...(item?.value as DekRow), ...change }, item?.etag ?? '');
}

export async function importRows(
  made: Setup,
  options: ImportDekRowsOptions,
): Promise<Run<ImportDekRowsEvent, ImportDekRowsSummary>> {
  return runToEnd(importDekRows(made.encryptor, options), made.clock);
}

/** The outcome of each row in the first scan: its type, and what explains it. */
export function outcomesIn(
  events: readonly ImportDekRowsEvent[],
): Readonly<Record<string, string>> {
  const end = events.findIndex(({ type }) => type === 'passed');
  const outcomes = events.slice(0, end).flatMap((event) => {
    if (!('dekId' in event)) return [];
    return [[event.dekId, `${event.type} ${explanationOf(event)}`] as const];
  });
  return Object.fromEntries(outcomes);
}

function explanationOf(event: Extract<ImportDekRowsEvent, { readonly dekId: string }>): string {
  if (event.type === 'skipped') return event.reason;
  if (event.type === 'failed') return String((event.error as { code?: unknown }).code);
  return event.state;
}
