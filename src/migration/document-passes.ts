/** Scans of a migration over all documents of a collection, and the writes of each. @module */
import type { DekSource } from '../cipher/write-plan.js';
import type { ShredToken } from '../dek/dek.js';
import { hasCode } from '../errors/errors.js';
import { isPlainObject, requirePlainObject } from '../guards/guards.js';
import { type PassPlan, runPasses, type RunTally, type Settled, type Sums } from '../run/passes.js';
import type { PassEvent } from '../run/run-event.js';
import {
  type AnyDocument,
  type AnyDocumentItem,
  type DocumentIdentity,
  documentPages,
  identityOf,
  lookUpDocument,
} from '../run/scanned-document.js';
import type { DocumentOutcome, MigrationStepEvent } from './migration-event.js';
import type { MigrationContext } from './migration-options.js';

export type SettledDocument = Settled<DocumentOutcome>;

/** The work of a migration on one document; an error is a failure of that document alone. */
export type SettleDocument = (
  item: AnyDocumentItem,
  key: DocumentIdentity,
) => Promise<SettledDocument>;

export type DocumentPasses = AsyncGenerator<MigrationStepEvent, void, void>;

/** Repeats the scan while a scan writes something or loses a race. */
export async function* documentPasses(
  context: MigrationContext,
  tally: RunTally,
  settle: SettleDocument,
  firstPurpose: PassEvent['purpose'] = 'change',
): DocumentPasses {
  let purpose = firstPurpose;
  yield* runPasses(tally, {
    what: `"${context.definition.collection}"`,
    next: () => passOver(context, settle, purpose),
    isOverAfter: ({ disturbed }) => {
      purpose = 'verify';
      return disturbed === 0;
    },
  });
}

/**
 * Decides on each document alone.
 *
 * @param rewrite - Called also in a dry run, which writes nothing.
 */
export async function* rewriteDocuments(
  context: MigrationContext,
  tally: RunTally,
  rewrite: StoredUpdate['rewrite'],
): DocumentPasses {
  yield* documentPasses(context, tally, async (item, key) => {
    if (!context.request.dryRun) return updateStored(context, { item, key, rewrite });
    const next = await rewrite(item.document);
    if (!next) return { outcome: { type: 'unchanged', key }, lostRace: false };
    return { outcome: { type: 'would-change', key, fields: next.fields }, lostRace: false };
  });
}

/** Renews the lease while something is waited for. */
export async function* keepLease<Event>(
  { requireLease }: MigrationContext,
  events: AsyncIterable<Event>,
): AsyncGenerator<Event, void, void> {
  for await (const event of events) {
    yield event;
    await requireLease();
  }
}

function passOver(
  context: MigrationContext,
  settle: SettleDocument,
  purpose: PassEvent['purpose'],
): PassPlan<AnyDocumentItem, DocumentOutcome> {
  const { store, signal, budget, seen } = context;
  seen.beginScan();
  return {
    purpose,
    total: () => store.count({ signal }),
    pages: () => documentPages(store, signal),
    settle: async (item) => {
      // In addition to each write: a scan that writes nothing has to renew the lease too.
      await context.requireLease();
      return settleSelected(context, settle, item);
    },
    sumsOf,
    concurrency: budget,
    signal,
  };
}

async function settleSelected(
  { definition, request, signal, seen }: MigrationContext,
  settle: SettleDocument,
  item: AnyDocumentItem,
): Promise<SettledDocument> {
  const { document } = item;
  const key = isPlainObject(document) ? identityOf(definition, document) : {};
  try {
    requirePlainObject('document', document);
    if (request.select?.(document) === false) return notSelected(key, false);
    seen.look(definition, document);
    return await settle(item, key);
  } catch (error) {
    if (hasCode(error, 'MIGRATION_SUPERSEDED')) throw error;
    signal?.throwIfAborted();
    if (error instanceof NotSelected) return notSelected(key, true);
    return { outcome: { type: 'failed', key, error }, lostRace: false };
  }
}

function notSelected(key: DocumentIdentity, lostRace: boolean): SettledDocument {
  return { outcome: { type: 'skipped', key, reason: 'not-selected' }, lostRace };
}

export function sumsOf(outcome: DocumentOutcome): Sums {
  const { fields, retired, shredded, misdated } = outcome as Partial<
    Extract<DocumentOutcome, { type: 'changed' }>
  >;
  return {
    fields: outcome.type === 'changed' ? (fields ?? 0) : 0,
    retired: retired?.length ?? 0,
    shredded: shredded?.length ?? 0,
    misdated: misdated?.length ?? 0,
  };
}

/** What to seal and store instead. */
export interface DocumentRewrite {
  readonly document: AnyDocument;
  /** Values that the rewrite seals or opens; 0 where it changes only others. */
  readonly fields: number;
}

interface StoredUpdate {
  readonly item: AnyDocumentItem;
  readonly key: DocumentIdentity;
  /** `undefined` where the document is already in its final state. */
  readonly rewrite: (stored: AnyDocument) => Promise<DocumentRewrite | undefined>;
  /** Where given, every envelope is opened with it, and sealed again. */
  readonly resealFrom?: DekSource;
  /** The shred token of the document's scope, where the work on it began earlier. */
  readonly token?: ShredToken;
}

export async function updateStored(
  { definition, store, updater, request, signal }: MigrationContext,
  { item, key, rewrite, resealFrom, token }: StoredUpdate,
): Promise<SettledDocument> {
  const last = { looks: 0, isGone: false, isDone: false, fields: 0 };
  const change = async (stored: AnyDocument | undefined): Promise<AnyDocument | undefined> => {
    if (stored && request.select?.(stored) === false) throw new NotSelected();
    const next = stored && (await rewrite(stored));
    last.looks += 1;
    last.isGone = stored === undefined;
    last.isDone = next === undefined;
    last.fields = next?.fields ?? 0;
    return next?.document;
  };
  const parts = { definition, store, key, change, from: item, signal };
  await updater.update({ ...parts, ...(resealFrom && { resealFrom }), ...(token && { token }) });
  const { looks, isGone, isDone, fields } = last;
  const lostRace = looks > 1;
  if (isGone) return { outcome: { type: 'skipped', key, reason: 'removed' }, lostRace };
  if (isDone) return { outcome: { type: 'unchanged', key }, lostRace };
  return { outcome: { type: 'changed', key, fields }, lostRace };
}

/** Thrown where a version is not selected, with nothing written since it was read; never leaves the pass. */
class NotSelected extends Error {}

/**
 * Gives the document another etag than when this was called, by its own write or another process's: no write
 * under an earlier etag can succeed any more. A document that does not exist has none.
 *
 * @throws NotSelected, with nothing written.
 */
export async function touchDocument(
  { store, signal, request }: Pick<MigrationContext, 'request' | 'signal' | 'store'>,
  key: DocumentIdentity,
): Promise<void> {
  const first = await lookUpDocument(store, key, signal);
  if (!first) return;
  if (request.select?.(first.document) === false) throw new NotSelected();
  try {
    await store.replace(first.document, first.etag, { signal });
  } catch (error) {
    // A write by another process is sufficient, and so is an own write whose answer was lost.
    if ((await lookUpDocument(store, key, signal))?.etag === first.etag) throw error;
  }
}
