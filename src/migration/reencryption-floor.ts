/** Decides which DEKs a re-encryption treats as old, whatever creation time they claim. @module */
import { isDeepStrictEqual } from 'node:util';
import { MOST_ATTEMPTS, tryWrite } from '../store/compare-and-set.js';
import { readReencryptionItem, type StoredItem } from '../store/dek-store.js';
import { timestampOf } from '../async/clock.js';
import { generationIn, highestCredibleGeneration, isDekId } from '../format/key-scope.js';
import { contended } from '../errors/errors.js';
import { leaseScopeId } from '../format/lease.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { FenceEvent } from '../run/run-event.js';
import { dekRowPages } from '../run/change-row.js';
import { raiseGenerationFloor } from '../run/rotation-record.js';
import { waitForReads } from '../run/wait-for-writers.js';
import { requireNoMac } from '../format/item-shape.js';
import { keepLease } from './document-passes.js';
import type { MigrationContext } from './migration-options.js';
import {
  parseReencryption,
  reencryptionId,
  type ReencryptionRecord,
} from '../format/reencryption-record.js';

/** DEKs of a generation below it are old. */
export interface OldDeks {
  readonly generationFloor: number;
  /** When the run that chose it began, by its clock. */
  readonly startedAt: string;
}

interface Copy {
  readonly record: ReencryptionRecord;
  readonly etag: string;
}

/**
 * Stores the floor of the re-encryption with this time: that of an earlier run, or a new one above every
 * generation of the product. From then on no process that reads the rotation record creates a DEK below it;
 * processes that act on earlier reads are waited for before the last scan.
 *
 * @throws TamperedError or `ROW_UNSUPPORTED` for an unreadable item: the run never replaces it.
 */
export async function* settleFloor(
  context: MigrationContext,
  createdBefore: string,
): AsyncGenerator<FenceEvent, OldDeks, void> {
  // Items of this type are stored only after the product has a rotation record.
  await context.services.records.readOrCreate();
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await readCopy(context);
    const known = copy?.record.createdBefore === createdBefore ? copy.record : undefined;
    const record = known ?? (yield* newRecord(context, createdBefore));
    if (!known && !(await tryStore(context, record, copy))) continue;
    const { services, dekStore, audit, requireLease: beforeWrite } = context;
    const parts = { records: services.records, dekStore, audit, beforeWrite };
    await raiseGenerationFloor(parts, record.generationFloor);
    return record;
  }
  throw contended(`Storing the re-encryption of "${context.definition.collection}"`, MOST_ATTEMPTS);
}

/** Returns the floor that {@link settleFloor} would store, without a write. */
export async function previewFloor(
  context: MigrationContext,
  createdBefore: string,
): Promise<OldDeks> {
  const copy = await readCopy(context);
  if (copy?.record.createdBefore === createdBefore) return copy.record;
  const known = await context.services.records.readUnlessNew();
  const generationFloor = await nextFloor(context, known?.record);
  return { generationFloor, startedAt: timestampOf(context.clock) };
}

async function readCopy({
  product,
  definition: { collection },
  dekStore,
  signal,
}: MigrationContext): Promise<Copy | undefined> {
  const item = await readReencryptionItem(dekStore, product, collection, { signal });
  if (!item) return undefined;
  const record = parseReencryption(item.value, product, collection);
  requireNoMac(record, `The re-encryption item of "${collection}"`);
  return { record, etag: item.etag };
}

async function* newRecord(
  context: MigrationContext,
  createdBefore: string,
): AsyncGenerator<FenceEvent, ReencryptionRecord, void> {
  const { product, definition, clock } = context;
  const nowAt = timestampOf(clock);
  // If the clock was set back since the time was checked, the item must still be readable.
  const startedAt = nowAt < createdBefore ? createdBefore : nowAt;
  // A DEK that was just created is certain to be in the scan only once reads no longer miss it.
  yield* keepLease(context, waitForReads(context));
  const { record } = await context.services.records.readOrCreate();
  return {
    id: reencryptionId(definition.collection),
    scopeId: leaseScopeId(product),
    type: 'reencryption',
    schema: 1,
    product,
    collection: definition.collection,
    createdBefore,
    generationFloor: await nextFloor(context, record),
    startedAt,
  };
}

/** Above every generation in a row of the product, tombstones included. */
async function nextFloor(
  context: MigrationContext,
  record: RotationRecord | undefined,
): Promise<number> {
  const { product, dekStore, signal } = context;
  const floor = record?.generationFloor ?? 1;
  const most = highestCredibleGeneration(floor);
  let highest = 0;
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    await context.requireLease();
    for (const generation of items.map(generationOf)) {
      if (generation <= most) highest = Math.max(highest, generation);
    }
  }
  return Math.max(floor, highest + 1);
}

/** 0 where it is unknown: such a row opens nothing, and its document fails by itself. */
function generationOf({ value, error }: StoredItem): number {
  const id = error ? error.dekId : (value as { readonly id?: unknown } | null)?.id;
  return isDekId(id) ? generationIn(id) : 0;
}

/** `undefined` where another run was faster: read it again. */
async function tryStore(
  context: MigrationContext,
  record: ReencryptionRecord,
  over: Copy | undefined,
): Promise<unknown> {
  const { dekStore } = context;
  await context.requireLease();
  const write = (): Promise<unknown> =>
    over ? dekStore.replaceItem(record, over.etag) : dekStore.createItem(record);
  return tryWrite(write, async () => {
    const stored = (await readCopy(context))?.record;
    return isDeepStrictEqual({ ...stored }, { ...record }) ? stored : undefined;
  });
}
