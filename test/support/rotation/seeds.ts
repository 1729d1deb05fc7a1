import type { DekRow } from '../../../src/adapters.js';
import { createFieldEncryptor, DekCache, type FieldEncryptor } from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { encryptAny, envelopeAt, KEY, note, PRODUCT, type Loose } from '../encryptor.js';
import { AutoClock } from './auto-clock.js';
import { providerOf } from './meks.js';
import type { Operator } from './operator.js';
import { snapshotOf, type Snapshot } from './snapshot.js';

/** The shortest there is: a fence of four quarters of a second. */
export const FENCE_TTL_MS = 1_000;

export interface SeedDocument {
  readonly stored: Loose;
  readonly plain: Loose;
}

/** A store's content to begin with, all of it under MEK `a` at epoch 1. */
export interface Seed {
  readonly snapshot: Snapshot;
  readonly documents: readonly SeedDocument[];
  /** Who works on it, where that is no plain rewrap with every key. */
  readonly operator?: Operator;
}

export interface SeedOptions {
  /** Documents with an active DEK of their own: `note-0`, `note-1`, … */
  readonly notes: number;
  /** One more, whose first DEK is retired and whose second seals. @default false */
  readonly retired?: boolean;
  /** One more, which was shredded. @default false */
  readonly tombstone?: boolean;
  /** @default none */
  readonly recoveryKey?: string;
}

export async function seedOf(options: SeedOptions): Promise<Seed> {
  const { notes, retired, tombstone } = options;
  const memory = new MemoryDekStore();
  const encryptor = (): FieldEncryptor => plainEncryptor(memory, options);
  const documents: SeedDocument[] = [];
  const write = async (id: string, body: string): Promise<string> => {
    const plain = { ...KEY, id, body, tags: ['x', body] };
    const stored = await encryptAny(encryptor(), plain);
    documents.push({ stored, plain });
    return envelopeAt(stored, 'body').dekId;
  };
  for (let index = 0; index < notes; index += 1) await write(`note-${String(index)}`, 'seeded');
  if (retired) {
    await retire(memory, await write('with-two-keys', 'first'));
    await write('with-two-keys', 'second');
  }
  if (tombstone) {
    await write('shredded', 'gone');
    documents.pop();
    await encryptor().shred(note, { ...KEY, id: 'shredded' });
  }
  return { snapshot: await snapshotOf(memory), documents };
}

/** A store of its own with what the snapshot holds. */
export async function storeFrom({ rows, record }: Snapshot): Promise<MemoryDekStore> {
  const memory = new MemoryDekStore();
  if (record) await memory.createItem(record);
  for (const { row } of rows.values()) await memory.create(row);
  return memory;
}

function plainEncryptor(
  dekStore: MemoryDekStore,
  { recoveryKey }: Pick<SeedOptions, 'recoveryKey'>,
): FieldEncryptor {
  const clock = new AutoClock();
  return createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [providerOf(['a'])],
    dekStore,
    dekCache: new DekCache({ clock, maxEntries: 64 }),
    fenceTtlMs: FENCE_TTL_MS,
    clock,
    ...(recoveryKey !== undefined && { recoveryKey }),
  });
}

/** As re-encryption will. */
async function retire(memory: MemoryDekStore, dekId: string): Promise<void> {
  const item = await memory.get(dekId);
  const { createdAt, ...row } = item?.value as DekRow;
  const retired = { ...row, createdAt, state: 'retired', retiredAt: createdAt } as DekRow;
  await memory.replace(retired, item?.etag ?? '');
}
