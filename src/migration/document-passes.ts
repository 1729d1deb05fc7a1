/** Scans of a migration over all documents of a collection. @module */
import { hasCode } from '../errors/errors.js';
import { isPlainObject, requirePlainObject } from '../guards/guards.js';
import { runPasses, type PassPlan, type RunTally, type Sums } from '../run/passes.js';
import type { PassEvent } from '../run/run-event.js';
import {
  documentPages,
  identityOf,
  type AnyDocumentItem,
  type DocumentIdentity,
} from '../run/scanned-document.js';
import type { MigrationContext } from './migration-options.js';
import type { DocumentOutcome, MigrationStepEvent } from './migration-event.js';
import {
  NotSelected,
  type SettledDocument,
  type StoredUpdate,
  updateStored,
} from './update-stored.js';

/** The work of a migration on one document; an error is a failure of that document alone. */
export type SettleDocument = (
  item: AnyDocumentItem,
  key: DocumentIdentity,
) => Promise<SettledDocument>;

type DocumentPasses = AsyncGenerator<MigrationStepEvent, void, void>;

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
  const { store, signal, budget } = context;
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
  { definition, request, signal }: MigrationContext,
  settle: SettleDocument,
  item: AnyDocumentItem,
): Promise<SettledDocument> {
  const { document } = item;
  const key = isPlainObject(document) ? identityOf(definition, document) : {};
  try {
    requirePlainObject('document', document);
    if (request.select?.(document) === false) return notSelected(key, false);
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

function sumsOf(outcome: DocumentOutcome): Sums {
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
