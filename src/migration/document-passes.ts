/** Scans over all documents, until one finds nothing to do. @module */
import { contended, hasCode } from '../errors.js';
import { isPlainObject, requirePlainObject } from '../guards.js';
import { settleConcurrently } from '../settle-concurrently.js';
import { identityOf, type DocumentIdentity } from './document-identity.js';
import { documentPages, type AnyDocumentItem } from './document-pages.js';
import type { MigrationContext } from './migration-context.js';
import { MigrationCounter, type SettledDocument } from './migration-counter.js';
import type { MigrationEvent, MigrationPassEvent } from './migration-event.js';
import type { MigrationTally } from './migration-tally.js';
import { NotSelected } from './selecting-updater.js';

/** What a migration does with one document; what it throws is wrong with that document alone. */
export type SettleDocument = (
  item: AnyDocumentItem,
  key: DocumentIdentity,
) => Promise<SettledDocument>;

type Purpose = MigrationPassEvent['purpose'];

const MOST_PASSES = 100;

/** Repeats the scan as long as one writes something or loses a race. */
export async function* passesUntilCalm(
  context: MigrationContext,
  tally: MigrationTally,
  settle: SettleDocument,
  firstPurpose: Purpose = 'rewrite',
): AsyncGenerator<MigrationEvent, void, void> {
  let purpose = firstPurpose;
  for (let round = 0; round < MOST_PASSES; round += 1) {
    const counter = yield* documentPass(context, tally, settle, purpose);
    if (counter.disturbed === 0) return;
    purpose = 'verify';
  }
  const { collection } = context.definition;
  throw contended(`A scan without a change, of "${collection}",`, MOST_PASSES);
}

export async function* documentPass(
  context: MigrationContext,
  tally: MigrationTally,
  settle: SettleDocument,
  purpose: Purpose,
): AsyncGenerator<MigrationEvent, MigrationCounter, void> {
  const { store, signal, request } = context;
  const { concurrency } = request;
  const pass = tally.passes + 1;
  yield { type: 'pass', pass, purpose, total: await store.count({ signal }) };
  const counter = new MigrationCounter();
  const task = async (item: AnyDocumentItem): Promise<SettledDocument> => {
    // Beside each write: a scan that has nothing to write must give a sign of life, too.
    await context.requireLease();
    return settleSelected(context, settle, item);
  };
  for await (const items of documentPages(store, signal)) {
    for await (const settled of settleConcurrently(items, task, { concurrency, signal })) {
      counter.add(settled);
      yield { ...settled.outcome, counts: counter.counts };
    }
  }
  signal?.throwIfAborted();
  yield { type: 'passed', pass, counts: counter.counts };
  tally.add(counter);
  return counter;
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
