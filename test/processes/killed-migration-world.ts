import type { EncryptionMode } from '../../src/encryptor/field-encryptor-options.js';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  type FieldEncryptor,
} from '../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../src/sqlite/index.js';

interface Note {
  workspaceId: string;
  id: string;
  title: string;
  body: string;
  tags: string[];
}

export const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'tags[]'],
});

export const FENCE_TTL_MS = 1_000;
const NOTES = 16;
/** The others are left to the migration: a writer seals what it edits. */
const EDITED = 5;
export const UNEDITED = NOTES - EDITED;
const BETWEEN_EDITS_MS = 3;

/** A file with notes, and what was acknowledged of each. */
export class World {
  readonly file: string;
  readonly keys = [randomBytes(32).toString('hex')];
  readonly dekStore: SqliteDekStore;
  readonly notes: SqliteDocumentStore<never>;
  readonly #written = new Map<string, string>();
  #isWriting = true;

  private constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'killed-migration-'));
    this.file = join(directory, 'notes.db');
    const handle = new Database(this.file);
    this.dekStore = new SqliteDekStore(handle);
    this.notes = new SqliteDocumentStore(handle, { table: 'notes', key: note.key });
    onTestFinished(() => {
      handle.close();
      rmSync(directory, { recursive: true });
    });
  }

  /** @param isSealed - Whether its notes are encrypted already. */
  static async create(isSealed: boolean): Promise<World> {
    const world = new World();
    const encryptor = world.encryptor('strict');
    for (let index = 0; index < NOTES; index += 1) {
      const plain = noteWith(`note-${String(index)}`, 'first');
      const stored = isSealed ? await encryptor.encryptDocument(note, plain) : plain;
      await world.notes.create(stored as never);
      world.#written.set(plain.id, plain.body);
    }
    return world;
  }

  get size(): number {
    return this.#written.size;
  }

  encryptor(mode: EncryptionMode): FieldEncryptor {
    const [key = ''] = this.keys;
    return createFieldEncryptor({
      product: 'notelett',
      keyProviders: [new EnvKeyProvider({ key })],
      dekStore: this.dekStore,
      fenceTtlMs: FENCE_TTL_MS,
      mode,
    });
  }

  /** Edits notes until it is asked to stop. */
  async write(): Promise<void> {
    const encryptor = this.encryptor('migrate');
    for (let edit = 1; this.#isWriting; edit += 1) {
      const id = `note-${String(randomInt(EDITED))}`;
      const body = `edit ${String(edit)}`;
      const key = { workspaceId: 'w1', id };
      await encryptor.updateDocument(
        note,
        this.notes,
        key,
        (stored) => stored && { ...stored, body },
      );
      this.#written.set(id, body);
      await sleep(BETWEEN_EDITS_MS);
    }
  }

  stopWriting(): void {
    this.#isWriting = false;
  }

  /** Every acknowledged write reads back in mode strict, and was sealed once. */
  async misread(): Promise<readonly string[]> {
    const encryptor = this.encryptor('strict');
    const wrong: string[] = [];
    for (const [id, body] of this.#written) {
      const item = await this.notes.get({ workspaceId: 'w1', id });
      const read = await encryptor.decryptDocument(note, item?.document as never);
      const expected = JSON.stringify(noteWith(id, body));
      if (JSON.stringify(read) !== expected) wrong.push(`${id}: ${JSON.stringify(read)}`);
    }
    return wrong;
  }
}

function noteWith(id: string, body: string): Note {
  return { workspaceId: 'w1', id, title: `about ${id}`, body, tags: ['x', 'y'] };
}
