/** Checks for one document which of its DEKs are missing. @module */
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { planRead } from '../cipher/document-reader.js';
import { DistinctDeks } from '../dek/dek-bounds.js';
import { draftOf } from '../document/define-document.js';
import { contended } from '../errors/errors.js';
import { isLive, parseDekRow } from '../format/dek-row.js';
import { isPlainObject } from '../guards/guards.js';
import { strayEnvelopes } from '../migration/stored-fields.js';
import {
  identityOf,
  type DocumentIdentity,
  lookUpDocument,
  type AnyDocumentItem,
} from '../run/scanned-document.js';
import type { DocumentSearchContext } from '../run/search.js';
import type { StoredItem } from '../store/dek-store.js';
import type { ChargedEvent } from '../store/metered-dek-store.js';

/** Documents; `scanned` is always the sum of `sound`, `affected`, `skipped` and `failed`. */
export interface MissingDekCounts {
  readonly scanned: number;
  /** Every DEK that they name has a live row. */
  readonly sound: number;
  /** At least one DEK that they name is missing. */
  readonly affected: number;
  /** Documents that were deleted during the check. */
  readonly skipped: number;
  /** Unknown: an envelope in the document, or a row that it names, cannot be read. */
  readonly failed: number;
  /** Missing DEKs: one event for each, and a document may miss several. */
  readonly missing: number;
}

interface DocumentEvent extends ChargedEvent {
  readonly key: DocumentIdentity;
  /** Counts so far, this document included. */
  readonly counts: MissingDekCounts;
}

/** A DEK that a document needs and that has no live row. */
interface MissingDek {
  readonly dekId: string;
  /** The paths that it sealed in the document, declared or not: the first hundred. */
  readonly paths: readonly string[];
  /** `'absent'`: there is no row, restore it from a backup. `'shredded'`: permanently deleted, on purpose. */
  readonly reason: 'absent' | 'shredded';
}

export interface MissingDekEvent extends DocumentEvent, MissingDek {
  readonly type: 'missing';
}

export interface MissingDekFailedEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface MissingDeksSummary extends MissingDekCounts {
  readonly product: string;
  readonly collection: string;
  /** Request units of the whole search; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
interface MissingDeksFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: MissingDeksSummary;
}

export type MissingDeksEvent = MissingDekEvent | MissingDekFailedEvent | MissingDeksFinishedEvent;

/** The outcome of one document. */
export type MissingOutcome =
  | {
      readonly type: 'affected';
      readonly key: DocumentIdentity;
      readonly missing: readonly MissingDek[];
    }
  | Omit<MissingDekFailedEvent, 'counts' | 'requestCharge'>
  | { readonly type: 'skipped' | 'sound' };

/** A document as it was read, and where its DEKs are named; or why that is unknown. */
export type NamedDeks = {
  readonly key: DocumentIdentity;
  readonly etag: string;
} & (
  { readonly pathsByDekId: ReadonlyMap<string, readonly string[]> } | { readonly error: unknown }
);

type Rows = ReadonlyMap<string, StoredItem>;

/** The most paths that are named for one DEK of one document; more than any definition needs. */
const MOST_PATHS = 100;

export function namedDeks(
  { product, definition }: DocumentSearchContext,
  { document, etag }: AnyDocumentItem,
): NamedDeks {
  const key = isPlainObject(document) ? identityOf(definition, document) : {};
  try {
    const draft = draftOf(document, definition.tree);
    const place = definition.placeOf(product, document);
    const { sealed } = planRead(draft, place, true);
    const declared = sealed.map(({ slot, envelope }) => ({ ...envelope, path: slot.field.path }));
    const named = [...declared, ...strayEnvelopes(document, { place, tree: draft.tree })];
    return { key, etag, pathsByDekId: pathsByDekIdOf(named) };
  } catch (error) {
    return { key, etag, error };
  }
}

/** @throws FieldEncryptionError `TOO_MANY_DEKS`. */
function pathsByDekIdOf(
  envelopes: readonly { readonly dekId: string; readonly path: string }[],
): ReadonlyMap<string, readonly string[]> {
  const named = new DistinctDeks();
  const pathsByDekId = new Map<string, Set<string>>();
  for (const { dekId, path } of envelopes) {
    named.add(dekId);
    const paths = pathsByDekId.get(dekId) ?? new Set();
    if (paths.size < MOST_PATHS) pathsByDekId.set(dekId, paths.add(path));
  }
  return new Map([...pathsByDekId].map(([dekId, paths]) => [dekId, [...paths]]));
}

/** Reads each DEK that the documents name once, however many documents name it. */
export async function readNamedRows(
  { dekStore, signal }: DocumentSearchContext,
  documents: readonly NamedDeks[],
): Promise<Rows> {
  const dekIds = documents.flatMap((each) =>
    'error' in each ? [] : [...each.pathsByDekId.keys()],
  );
  if (dekIds.length === 0) return new Map();
  return dekStore.getMany([...new Set(dekIds)], { signal });
}

/**
 * A missing DEK counts only while the document still names it. Since it was read, the document may have been
 * deleted, or may have received a new DEK and its old one may have been shredded.
 *
 * @throws Errors of the stores. A failure of the document or a row alone is the outcome.
 */
export async function checkForMissing(
  parts: DocumentSearchContext,
  named: NamedDeks,
  rows: Rows,
): Promise<MissingOutcome> {
  const { documentStore, signal } = parts;
  let [document, known] = [named, rows];
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const { key, etag } = document;
    if ('error' in document) return { type: 'failed', key, error: document.error };
    const found = await missingOf(parts, document.pathsByDekId, known);
    if ('error' in found) return { type: 'failed', key, error: found.error };
    if (found.missing.length === 0) return { type: 'sound' };
    const again = await lookUpDocument(documentStore, key, signal);
    if (again === undefined) return { type: 'skipped' };
    if (again.etag === etag) return { type: 'affected', key, missing: found.missing };
    document = namedDeks(parts, again);
    known = await readNamedRows(parts, [document]);
  }
  const error = contended('Searching for the DEKs of a document', MOST_ATTEMPTS);
  return { type: 'failed', key: named.key, error };
}

type Found = { readonly missing: readonly MissingDek[] } | { readonly error: unknown };

async function missingOf(
  parts: DocumentSearchContext,
  pathsByDekId: ReadonlyMap<string, readonly string[]>,
  known: Rows,
): Promise<Found> {
  const missing: MissingDek[] = [];
  for (const [dekId, paths] of pathsByDekId) {
    const item = known.get(dekId) ?? (await readAgain(parts, dekId));
    try {
      const reason = whyMissing(item, dekId);
      if (reason) missing.push({ dekId, paths, reason });
    } catch (error) {
      return { error };
    }
  }
  return { missing };
}

/** A bulk read may lag, or may have been too early: only this read decides that a row is absent. */
function readAgain(
  { dekStore, signal }: DocumentSearchContext,
  dekId: string,
): Promise<StoredItem | undefined> {
  return dekStore.get(dekId, { signal });
}

/** @throws The failure of the row. */
function whyMissing(item: StoredItem | undefined, dekId: string): MissingDek['reason'] | undefined {
  if (item === undefined) return 'absent';
  if (item.error) throw item.error;
  return isLive(parseDekRow(item.value, dekId)) ? undefined : 'shredded';
}
