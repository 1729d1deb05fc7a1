/** What rows and documents of a restored store say: epochs, generations, lost DEKs. @module */
import { timestampOf } from '../async/clock.js';
import { requireCredible } from '../dek/dek-bounds.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { isLive, parseDekRow, tombstoneOf, type DekRow } from '../format/dek-row.js';
import { alteredItem, requireNoMac } from '../format/item-shape.js';
import { generationIn } from '../format/key-scope.js';
import { MOST_HISTORY, type RotationRecord } from '../format/rotation-record.js';
import { isPlainObject } from '../guards/guards.js';
import { changeRow, dekRowPages, type RowChange } from '../run/change-row.js';
import type { PassPlan, Settled } from '../run/passes.js';
import type { RunContext } from '../run/run-context.js';
import type { FailedRowEvent, ItemEvent, OutcomeOf, RowEvent } from '../run/run-event.js';
import {
  type AnyDocumentItem,
  type AnyDocumentStore,
  type DocumentIdentity,
  documentPages,
  identityOf,
  meteredDocumentStore,
} from '../run/scanned-document.js';
import { storedFieldsOf } from '../run/stored-fields.js';
import type { StoredItem } from '../store/dek-store.js';

/** `changed` and `would-change`: it was shredded before the restore, and is shredded again. */
interface SeenRowEvent extends RowEvent {
  readonly type: 'changed' | 'unchanged' | 'would-change';
}

interface SkippedRowEvent extends RowEvent {
  readonly type: 'skipped';
  readonly reason: 'removed' | 'shredded';
}

export type RestoredRowEvent = FailedRowEvent | SeenRowEvent | SkippedRowEvent;

interface DocumentEvent extends ItemEvent {
  readonly collection: string;
  readonly key: DocumentIdentity;
}

interface SoundDocumentEvent extends DocumentEvent {
  readonly type: 'unchanged';
}

/**
 * `dek-missing`: DEKs of the document have no live row. `row-older`: it was sealed after the backup of the rows
 * of these DEKs, which open it nevertheless.
 */
interface SkippedDocumentEvent extends DocumentEvent {
  readonly type: 'skipped';
  readonly reason: 'dek-missing' | 'row-older';
  readonly dekIds: readonly string[];
}

interface FailedDocumentEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export type RestoredDocumentEvent = FailedDocumentEvent | SkippedDocumentEvent | SoundDocumentEvent;

export interface RestoredCollection {
  readonly definition: AnyDefinition;
  readonly documentStore: AnyDocumentStore;
}

/** How many generations of a scope may have come and gone since the backup, unseen by everything. */
const UNSEEN_GENERATIONS = 1_024;
/** One more rotation must still be possible. */
export const HIGHEST_EPOCH: number = Number.MAX_SAFE_INTEGER - 1;

/** The highest epoch and generation that were seen. */
export class Sightings {
  readonly #record: RotationRecord | undefined;
  epoch = 0;
  #generation = 0;

  constructor(record: RotationRecord | undefined) {
    this.#record = record;
  }

  /** A floor that no lost DEK can have reached. */
  get safeFloor(): number {
    return this.#generation + 1 + UNSEEN_GENERATIONS;
  }

  /** @throws TamperedError for a row that this library cannot have written: it must raise nothing. */
  addRow({ id, epoch, generation }: DekRow): void {
    this.addDek({ id, generation });
    if (epoch > HIGHEST_EPOCH) throw alteredItem(`DEK row ${id}`, 'epoch');
    this.epoch = Math.max(this.epoch, epoch);
  }

  /** @throws TamperedError for a generation that is too high. */
  addDek(dek: Pick<DekRow, 'generation' | 'id'>): void {
    requireCredible(dek, { generationFloor: this.#record?.generationFloor ?? 1 });
    this.#generation = Math.max(this.#generation, dek.generation);
  }

  /** Whether a MEK version was first used after the row was stored as it is now. */
  isNewerThan(mekVersion: string, row: DekRow): boolean {
    const record = this.#record;
    if (!record) return false;
    const rotations = [...record.history, record];
    const first = rotations.find((each) => each.mekVersion === mekVersion);
    if (first) return first.epoch > row.epoch;
    // Of a rotation after the backup; or, where the history is full, of one long before it.
    return record.history.length < MOST_HISTORY;
  }
}

interface AdoptContext extends RunContext {
  readonly request: RunContext['request'] & { readonly shredAgain: ReadonlySet<string> };
}

type RowOutcome = OutcomeOf<RestoredRowEvent>;
type DocumentOutcome = OutcomeOf<RestoredDocumentEvent>;

export function rowsPass(context: AdoptContext, seen: Sightings): PassPlan<StoredItem, RowOutcome> {
  const { product, dekStore, budget: concurrency, signal } = context;
  const kind = {
    what: 'Shredding again DEK row',
    change: async (row: DekRow) => {
      const change = changeOf(context, seen, row);
      if (change?.next) await context.audit?.shredding([row.id]);
      return change;
    },
    failed: ({ dekId, error }: { readonly dekId: string; readonly error: unknown }) =>
      ({ type: 'failed', dekId, error }) as const,
    removed: (dekId: string) => ({ type: 'skipped', dekId, reason: 'removed' }) as const,
    afterRead: () => Promise.resolve(),
    beforeWrite: () => Promise.resolve(),
    endsRun: () => false,
  };
  return {
    purpose: 'change',
    total: () => dekStore.count({ product }, { signal }),
    pages: () => dekRowPages(dekStore, { product }, signal),
    settle: (item) => changeRow<RowOutcome>(context, kind, item),
    concurrency,
    signal,
  };
}

function changeOf(
  { clock, request: { shredAgain, dryRun } }: AdoptContext,
  seen: Sightings,
  row: DekRow,
): RowChange<RowOutcome> {
  const { id: dekId } = row;
  seen.addRow(row);
  if (!isLive(row)) return { outcome: { type: 'skipped', dekId, reason: 'shredded' } };
  if (!isNamed(row, shredAgain)) {
    return { outcome: { type: 'unchanged', dekId } };
  }
  requireNoMac(row, `DEK row ${dekId}`);
  if (dryRun) return { outcome: { type: 'would-change', dekId } };
  return { next: tombstoneOf(row, timestampOf(clock)), outcome: { type: 'changed', dekId } };
}

function isNamed({ id, scopeId }: DekRow, ids: ReadonlySet<string>): boolean {
  return ids.has(id) || ids.has(scopeId);
}

export function documentsPass(
  context: AdoptContext,
  { definition, documentStore: store }: RestoredCollection,
  seen: Sightings,
): PassPlan<AnyDocumentItem, DocumentOutcome> {
  const { charge, budget: concurrency, signal } = context;
  const documents = meteredDocumentStore({ store, onRequestCharge: charge.add });
  const { collection } = definition;
  return {
    purpose: 'verify',
    part: { collection },
    total: () => documents.count({ signal }),
    pages: () => documentPages(documents, signal),
    settle: (item) => settleDocument(context, definition, seen, item),
    sumsOf: ({ type, ...outcome }) => ({
      documents: 1,
      failedDocuments: Number(type === 'failed'),
      withoutDek: Number('reason' in outcome && outcome.reason === 'dek-missing'),
      newerThanRow: Number('reason' in outcome && outcome.reason === 'row-older'),
    }),
    concurrency,
    signal,
  };
}

async function settleDocument(
  context: AdoptContext,
  definition: AnyDefinition,
  seen: Sightings,
  { document }: AnyDocumentItem,
): Promise<Settled<DocumentOutcome>> {
  const { collection } = definition;
  const key = isPlainObject(document) ? identityOf(definition, document) : {};
  const about = { collection, key };
  const of = (outcome: DocumentOutcome): Settled<DocumentOutcome> => ({ outcome, lostRace: false });
  let named: ReadonlyMap<string, string | undefined>;
  try {
    named = versionsByDekId(context, definition, document);
    for (const id of named.keys()) seen.addDek({ id, generation: generationIn(id) });
  } catch (error) {
    return of({ type: 'failed', ...about, error });
  }
  const rows = await rowsNamed(context, [...named.keys()]);
  try {
    return of(outcomeOf(context, about, { named, rows, seen }));
  } catch (error) {
    return of({ type: 'failed', ...about, error });
  }
}

/** A bulk read may lag: only a read of the row itself decides that it is absent. */
async function rowsNamed(
  { dekStore, signal }: AdoptContext,
  dekIds: readonly string[],
): Promise<ReadonlyMap<string, StoredItem>> {
  const rows = new Map(await dekStore.getMany(dekIds, { signal }));
  for (const dekId of dekIds) {
    signal?.throwIfAborted();
    const item = rows.get(dekId) ?? (await dekStore.get(dekId, { signal }));
    if (item) rows.set(dekId, item);
  }
  return rows;
}

/** The DEKs that the envelopes of a document name, with the MEK version at the time of writing if known. */
function versionsByDekId(
  context: AdoptContext,
  definition: AnyDefinition,
  document: AnyDocumentItem['document'],
): ReadonlyMap<string, string | undefined> {
  const fields = storedFieldsOf({ definition, product: context.product }, document);
  const stray = fields.strays.map(({ dekId }) => [dekId, undefined] as const);
  const declared = fields.sealed.map(
    ({ envelope: { dekId, mekVersion } }) => [dekId, mekVersion] as const,
  );
  return new Map<string, string | undefined>([...stray, ...declared]);
}

interface Known {
  readonly named: ReadonlyMap<string, string | undefined>;
  readonly rows: ReadonlyMap<string, StoredItem>;
  readonly seen: Sightings;
}

/** @throws The failure of a row. */
function outcomeOf(
  { request: { shredAgain } }: AdoptContext,
  about: Pick<DocumentEvent, 'collection' | 'key'>,
  { named, rows, seen }: Known,
): DocumentOutcome {
  const missing: string[] = [];
  const older: string[] = [];
  for (const [dekId, mekVersion] of named) {
    const item = rows.get(dekId);
    if (item?.error) throw item.error;
    const row = item && parseDekRow(item.value, dekId);
    // A dry run has shredded nothing again.
    if (!row || !isLive(row) || isNamed(row, shredAgain)) missing.push(dekId);
    else if (mekVersion !== undefined && seen.isNewerThan(mekVersion, row)) older.push(dekId);
  }
  if (missing.length > 0) {
    return { type: 'skipped', ...about, reason: 'dek-missing', dekIds: missing };
  }
  if (older.length > 0) return { type: 'skipped', ...about, reason: 'row-older', dekIds: older };
  return { type: 'unchanged', ...about };
}
