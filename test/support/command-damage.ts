/** Damages what the files of a world hold. @module */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import Database from 'libsql';
import type { Refusal } from './command-mode-suite.js';
import { PRODUCT, type CommandWorld } from './command-world.js';

/** Changes one row so that no version of the library can have written it. @returns Its dekId. */
export async function damageRow(world: CommandWorld): Promise<string> {
  const { items } = await world.dekStore.list({ product: PRODUCT });
  const item = items.find(({ value }) => (value as { state: string }).state === 'active');
  if (!item) throw new Error('There is no active row');
  const row = item.value as { readonly id: string };
  await world.dekStore.replace({ ...row, epoch: 0 } as never, item.etag);
  return row.id;
}

/** What documents are named by, unless their keys are asked for. */
export const NAMELESS = 'a document (its key: --document-keys): ';

/** Changes properties of one document. */
export async function damageNote(
  world: CommandWorld,
  change: (note: Record<string, unknown>) => object,
): Promise<string> {
  const { items } = await world.notes.list({ pageSize: 1 });
  const [item] = items;
  if (!item) throw new Error('There is no note');
  await world.notes.replace(change({ ...item.document }) as never, item.etag);
  return NAMELESS;
}

/** The ciphertext of its body is not what was sealed. */
export function tamperBody(note: Record<string, unknown>): object {
  const body = note['body'] as { readonly ct: string };
  const first = body.ct.startsWith('A') ? 'B' : 'A';
  return { ...note, body: { ...body, ct: first + body.ct.slice(1) } };
}

/** Removes every row and every record, as in a wrong database. */
export function emptyDeks({ folder }: CommandWorld): Promise<Refusal> {
  const database = new Database(join(folder, 'deks.sqlite'));
  database.exec('DELETE FROM dek_store');
  database.close();
  return Promise.resolve({
    message: `The product "${PRODUCT}" has neither DEK rows nor a rotation record in this store`,
  });
}

/** A live run of another process holds the lease of the notes: ten heartbeats a second. */
export async function holdLease({ dekStore }: CommandWorld): Promise<Refusal> {
  const head = { id: 'lease:notes', scopeId: `lease:${PRODUCT}`, type: 'lease', schema: 1 };
  const lease = (): never => {
    const now = Date.now();
    const [heartbeatAt, expiresAt] = [now, now + 30_000].map((ms) => new Date(ms).toISOString());
    const owner = 'another process';
    return { ...head, product: PRODUCT, kind: 'backfill', owner, heartbeatAt, expiresAt } as never;
  };
  let { etag } = await dekStore.createItem(lease());
  const ended = new AbortController();
  const beating = (async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await setTimeout(100);
      ({ etag } = await dekStore.replaceItem(lease(), etag));
    }
  })();
  const end = (): Promise<void> => {
    ended.abort();
    return beating;
  };
  return { message: 'another process', end };
}
