import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  type EncryptedDocument,
  type FieldEncryptor,
} from '../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../src/sqlite/index.js';
import { PRODUCT } from '../support/encryptor.js';

interface Note {
  workspaceId: string;
  id: string;
  body: string;
}

export const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body'],
});

type StoredNote = EncryptedDocument<typeof note>;

/** One SQLite file, and what this process has open on it. */
export interface World {
  readonly file: string;
  readonly journal: string;
  readonly handle: Database.Database;
  readonly dekStore: SqliteDekStore;
  readonly notes: SqliteDocumentStore<StoredNote>;
  /** In the order in which the rotations go round. */
  readonly keys: readonly [string, string, string];
  /** Holds them all. */
  readonly provider: EnvKeyProvider;
  /** Notes that no process writes any more: `body of …`, in the workspace `seeded`. */
  readonly seeded: readonly string[];
  /** The children roll back, instead of rewrapping. */
  readonly back?: boolean;
}

const SEEDED = 400;
/** The least there is. */
const FENCE_TTL_MS = 1_000;

export async function makeWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'killed-rewrap-'));
  const file = join(folder, 'store.sqlite');
  const handle = new Database(file);
  onTestFinished(() => {
    handle.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const [a, b, c] = [newKey(), newKey(), newKey()];
  const world: World = {
    file,
    journal: join(folder, 'journal.jsonl'),
    handle,
    dekStore: new SqliteDekStore(handle),
    notes: new SqliteDocumentStore<StoredNote>(handle, { table: 'notes', key: note.key }),
    keys: [a, b, c],
    provider: new EnvKeyProvider({ key: a, previousKeys: [b, c] }),
    seeded: Array.from({ length: SEEDED }, (_each, index) => `note-${String(index)}`),
  };
  await seed(world);
  return world;
}

async function seed({ keys: [key], dekStore, notes, seeded }: World): Promise<void> {
  const keyProviders = [new EnvKeyProvider({ key })];
  const encryptor = encryptorOver(dekStore, keyProviders);
  for (const id of seeded) {
    const key = { workspaceId: 'seeded', id };
    await encryptor.updateDocument(note, notes, key, () => ({ ...key, body: `body of ${id}` }));
  }
}

export function encryptorOver(
  dekStore: SqliteDekStore,
  keyProviders: readonly EnvKeyProvider[],
): FieldEncryptor {
  return createFieldEncryptor({
    product: PRODUCT,
    keyProviders,
    dekStore,
    fenceTtlMs: FENCE_TTL_MS,
  });
}

export async function versionOf(key: string): Promise<string> {
  return new EnvKeyProvider({ key }).currentVersion();
}

/** The seeded notes as they lie in the file, etags included. */
export function seededBytes({ handle }: World): string {
  const rows = handle.prepare('SELECT * FROM notes ORDER BY document_key').all() as {
    readonly document_key: string;
  }[];
  return JSON.stringify(rows.filter(({ document_key: key }) => key.startsWith('["seeded"')));
}

function newKey(): string {
  return randomBytes(32).toString('base64');
}
