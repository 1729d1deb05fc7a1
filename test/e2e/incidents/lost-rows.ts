/** Rows of `dek_store` that are damaged, gone, or from an earlier moment. @module */
import type { StoryWorld } from '../story-world.js';
import { DekContainer, type StoredItem } from './dek-container.js';
import { rotated } from './rotation-stopped.js';

/** A backup from before, and then a wrap that nothing opens, of the note that the operator reads. */
export async function alteredRow(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  await deks.copyIsRestored(await deks.items(), 'before-the-change');
  const row = await rowOfTheNote(world, deks);
  const wrap = String(row['wrappedDek']);
  await deks.replace({ ...row, wrappedDek: `AAAA${wrap.slice(4)}` });
  await withEmptyCaches(world);
}

/** What the operator does in the portal: the item is kept in a file, and deleted. */
export async function itemDeletedByHand(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  await deks.remove(await rowOfTheNote(world, deks));
}

export async function missingRow(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  await deks.copyIsRestored(await deks.items(), 'before-the-loss');
  await deks.remove(await rowOfTheNote(world, deks));
  await withEmptyCaches(world);
}

/** Of a note that no client has: nothing opens what is left of its row, and no backup has it. */
export async function deadRow(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  const before = await deks.items();
  const noteId = await world.clients.createNote('w1');
  const [row] = await deks.rowsOf(noteId);
  if (!row) throw new Error('The note has no row');
  const { id, scopeId } = row;
  const others = Object.entries(row).filter(([name]) => name !== 'recoveryWrap');
  const wrappedDek = `AAAA${String(row['wrappedDek']).slice(4)}`;
  await deks.replace({ ...Object.fromEntries(others), id, scopeId, wrappedDek });
  await deks.copyIsRestored(before, 'without-the-note');
  world.shell.export({ DEAD_NOTE_ID: noteId });
}

const LEAST_NOTES_SINCE = 5;
let backup: readonly StoredItem[] = [];

/** A backup, after it a rotation, new notes and deleted ones; then the service has no callers. */
export async function earlierBackup(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  backup = await deks.items();
  world.shell.export({ BACKUP_TIME: new Date().toISOString() });
  world.shell.export({ NEW: await rotated(world) });
  const isEnough = async (): Promise<boolean> => {
    const items = await deks.items();
    const known = new Set(backup.map(({ id }) => id));
    const since = items.filter(({ id, state }) => state === 'active' && !known.has(id));
    return since.length >= LEAST_NOTES_SINCE;
  };
  const { traffic } = world.clients;
  while (!(await isEnough())) await traffic.fill(1, 1);
  let deletions = 2;
  await traffic.byClients(1, () => deletions-- <= 0, 'delete');
  await world.clients.stop();
}

/** In place; the damaged store is the copy. */
export async function storeRestored(world: StoryWorld): Promise<void> {
  const deks = new DekContainer(world);
  await deks.copyIsRestored(await deks.items(), 'damaged');
  await deks.becomes(backup);
}

async function rowOfTheNote(world: StoryWorld, deks: DekContainer): Promise<StoredItem> {
  const [row] = await deks.rowsOf(world.env['NOTE_ID'] ?? '');
  if (!row) throw new Error('The note of the operator has no row');
  return row;
}

/** What is cached opens for minutes after its row has gone. */
async function withEmptyCaches({ deployment }: StoryWorld): Promise<void> {
  deployment.restart();
  await deployment.rolledOut();
}
