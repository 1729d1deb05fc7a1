import type { DekRow } from '../../src/adapters.js';
import {
  backfillDocuments,
  reencryptDocuments,
  type DocumentStore,
  type MigrationEvent,
  type MigrationOptions,
  type MigrationSummary,
  type ReencryptOptions,
} from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import type { ManualClock } from './clock.js';
import { decryptAny, KEY, note, setup, type Loose, type Setup } from './encryptor.js';
import { probed, type Probe } from './probe.js';
import { pull, rows } from './rotations.js';

export type Migration = AsyncGenerator<MigrationEvent, MigrationSummary, void>;

/** The collection of a test: documents in memory, and a way to disturb them. */
export interface Notes {
  /** For arranging and for looking at what was written. */
  readonly memory: MemoryDocumentStore<Loose>;
  readonly store: DocumentStore<Loose>;
  readonly probe: Probe;
}

export function notes(): Notes {
  const memory = new MemoryDocumentStore<Loose>({ key: note.key });
  const [store, probe] = probed<DocumentStore<Loose>>(memory);
  return { memory, store, probe };
}

/** Plain documents `note-0`, `note-1`, … */
export async function addPlain({ memory }: Notes, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const id = `note-${String(index)}`;
    await memory.create({ ...KEY, id, body: `of ${id}`, tags: ['x', 'y'] });
  }
}

export async function stored({ memory }: Notes, id: string): Promise<Loose> {
  const item = await memory.get({ ...KEY, id });
  if (!item) throw new Error(`There is no document ${id}`);
  return item.document;
}

/** Puts a document as another process would. */
export async function put({ memory }: Notes, document: Loose): Promise<void> {
  const item = await memory.get(document);
  if (item) await memory.replace(document, item.etag);
  else await memory.create(document);
}

export async function opened({ encryptor }: Setup, from: Notes, id: string): Promise<Loose> {
  return decryptAny(encryptor, await stored(from, id));
}

export interface Migrated {
  readonly events: readonly MigrationEvent[];
  readonly summary: MigrationSummary;
}

/** Pulls to the end, and wakes all sleepers. */
export async function migrate(
  migration: Migration,
  clock: Pick<ManualClock, 'advance' | 'sleeping'>,
): Promise<Migrated> {
  const events: MigrationEvent[] = [];
  for (;;) {
    const { done, value } = await pull(migration, clock);
    if (done) return { events, summary: value };
    events.push(value);
  }
}

/** Pulls until an event of the type. */
export async function migrateUntil(
  migration: Migration,
  clock: ManualClock,
  type: MigrationEvent['type'],
): Promise<MigrationEvent> {
  for (;;) {
    const { done, value } = await pull(migration, clock);
    if (done) throw new Error(`There was no event "${type}"`);
    if (value.type === type) return value;
  }
}

export function backfill(
  { encryptor, clock }: Setup,
  { store }: Notes,
  options?: MigrationOptions,
): Promise<Migrated> {
  return migrate(
    backfillDocuments(encryptor, note, store, { allowEmpty: true, ...options }),
    clock,
  );
}

/** Replaces every DEK that was made before now. */
export function reencrypt(
  { encryptor, clock }: Setup,
  { store }: Notes,
  options: Partial<ReencryptOptions> = {},
): Promise<Migrated> {
  clock.advance(1_000);
  const createdBefore = new Date(clock.wallMs());
  return migrate(
    reencryptDocuments(encryptor, note, store, { allowEmpty: true, createdBefore, ...options }),
    clock,
  );
}

export function eventsOf<T extends MigrationEvent['type']>(
  { events }: { readonly events: readonly MigrationEvent[] },
  type: T,
): Extract<MigrationEvent, { readonly type: T }>[] {
  return events.filter((event) => event.type === type) as never;
}

/** Documents `note-0`, `note-1`, … sealed by a backfill. */
export async function sealedNotes(count: number): Promise<readonly [Setup, Notes]> {
  const [made, collection] = [setup(), notes()];
  await addPlain(collection, count);
  await backfill(made, collection);
  made.store.reset();
  collection.probe.reset();
  return [made, collection];
}

/** Generation and state of each row of a document. */
export async function statesOf(made: Setup, id: string): Promise<readonly string[]> {
  const own = (await rows(made)).filter(({ scope }) => scope.at(-1) === id);
  return own.map(({ generation, state }) => `${String(generation)} ${state}`).sort();
}

export async function rowOf(made: Setup, id: string, generation: number): Promise<DekRow> {
  const found = (await rows(made)).find(
    (row) => row.scope.at(-1) === id && row.generation === generation,
  );
  if (!found) throw new Error('There is no such row');
  return found;
}

/** Generations that a document with body and tags names. */
export function generationsIn(document: Record<string, unknown>): readonly string[] {
  const { body, tags } = document as { body: { dekId: string }; tags: { dekId: string }[] };
  return [...new Set([body, ...tags].map(({ dekId }) => dekId.split('.')[1] ?? ''))];
}
