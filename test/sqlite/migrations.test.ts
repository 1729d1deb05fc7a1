import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import {
  backfillDocuments,
  findMissingDeks,
  findOrphanDeks,
  reencryptDocuments,
  removeEncryption,
} from '../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../src/sqlite/index.js';
import { decryptAny, encryptAny, KEY, note, setup, type Loose } from '../support/encryptor.js';
import { migrate } from '../support/migrations.js';
import { perLane } from '../support/lane.js';

/** Two pages. */
const NOTES = 120;

function openFile(): { dekStore: SqliteDekStore; notes: SqliteDocumentStore<Loose> } {
  const directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
  const handle = new Database(join(directory, 'notes.db'));
  onTestFinished(() => {
    handle.close();
    rmSync(directory, { recursive: true });
  });
  const notes = new SqliteDocumentStore<Loose>(handle, { table: 'notes', key: note.key });
  return { dekStore: new SqliteDekStore(handle), notes };
}

function plainNote(index: number): Loose {
  return { ...KEY, id: `note-${String(index)}`, body: `of ${String(index)}`, tags: ['x'] };
}

async function last<Event, Summary>(
  events: AsyncGenerator<Event, Summary, void>,
): Promise<readonly [readonly Event[], Summary]> {
  const all: Event[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return [all, value];
    all.push(value);
  }
}

it.each(perLane([32], [1, 32]))(
  'every migration and search works on a file, %i at once',
  async (concurrency) => {
    const { dekStore, notes } = openFile();
    const made = setup({ dekStore });
    const { encryptor, clock } = made;
    for (let index = 0; index < NOTES; index += 1) await notes.create(plainNote(index));

    const backfill = await migrate(
      backfillDocuments(encryptor, note, notes, { allowEmpty: true, concurrency }),
      clock,
    );
    expect(backfill.summary).toMatchObject({ complete: true, changed: NOTES, passes: 2 });

    clock.advance(1_000);
    const options = { createdBefore: new Date(clock.wallMs()), shred: true, concurrency };
    const reencryption = await migrate(
      reencryptDocuments(encryptor, note, notes, { allowEmpty: true, ...options }),
      clock,
    );
    expect(reencryption.summary).toMatchObject({ complete: true, retired: NOTES, shredded: NOTES });

    const item = await notes.get({ ...KEY, id: 'note-7' });
    expect(await decryptAny(encryptor, item?.document)).toEqual(plainNote(7));
    await notes.delete({ ...KEY, id: 'note-7' }, String(item?.etag));
    await encryptor.shred(note, { ...KEY, id: 'note-8' });
    await encryptAny(encryptor, { ...KEY, id: 'never stored', body: 'b' });
    const orphans = await last(
      findOrphanDeks(encryptor, note, notes, { minAgeMs: 0, concurrency }),
    );
    expect(
      orphans[0].flatMap((event) => (event.type === 'orphan' ? [event.key['id']] : [])),
    ).toEqual(expect.arrayContaining(['never stored', 'note-7']));
    expect(orphans[1]).toMatchObject({ orphans: 2, present: NOTES - 2, failed: 0 });
    const [missing] = await last(findMissingDeks(encryptor, note, notes, { concurrency }));
    expect(missing[0]).toMatchObject({ key: { id: 'note-8' }, reason: 'shredded' });

    const off = setup({ beside: made, dekStore, enabled: false });
    const removal = await migrate(
      removeEncryption(off.encryptor, note, notes, { allowEmpty: true }),
      clock,
    );
    expect(removal.summary).toMatchObject({ complete: false, failed: 1, unchanged: NOTES - 2 });
    expect((await notes.get({ ...KEY, id: 'note-9' }))?.document).toEqual(plainNote(9));
  },
);
