import { readLeaseItem } from '../../src/store/dek-store.js';
import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, DekRow, Lease } from '../../src/adapters.js';
import {
  EnvKeyProvider,
  reencryptDocuments,
  removeEncryption,
  StoreError,
  type AnyDefinition,
  type MigrationEvent,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  looseDefinition,
  MEK_HEX,
  note,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, rejection } from '../support/failure.js';
import {
  eventsOf,
  migrate,
  notes,
  opened,
  put,
  reencrypt,
  rowOf,
  sealedNotes,
  statesOf,
  stored,
  type Migrated,
  type Notes,
} from '../support/migrations.js';
import { alterRow, envKeys, pull, rewrap, rows, targetOf } from '../support/rotations.js';

const WIDE = looseDefinition('notes', ['workspaceId', 'id'], ['title', 'body']);
const NARROW = looseDefinition('notes', ['workspaceId', 'id'], ['title']);

/** A document that an earlier definition sealed. */
async function sealedByAnEarlierDefinition(): Promise<readonly [Setup, Notes, Loose]> {
  const [made, collection] = [setup(), notes()];
  const plain = { ...KEY, title: 't', other: [{ note: 'not ours' }] };
  const wide = await encryptAny(made.encryptor, { ...plain, body: 'b' }, WIDE);
  const document = { ...wide, body: { kept: [wide['body']] } };
  await put(collection, document);
  made.clock.advance(1_000);
  return [made, collection, document];
}

function reencryptAs(definition: AnyDefinition, made: Setup, { store }: Notes): Promise<Migrated> {
  const options = { createdBefore: new Date(made.clock.wallMs()), shred: true };
  return migrate(
    reencryptDocuments(made.encryptor, definition, store, { allowEmpty: true, ...options }),
    made.clock,
  );
}

const STRAY =
  'The value at "body.kept[]" is an envelope that another definition of "notes" sealed: add "body.kept[]" to "former", or to "fields" where it is still encrypted';

describe('an envelope where the definition declares no field', () => {
  it('keeps its DEK: the document is listed, and left as it was', async () => {
    const [made, collection, document] = await sealedByAnEarlierDefinition();
    const migrated = await reencryptAs(NARROW, made, collection);
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, retired: 0, shredded: 0 });
    const [failed] = eventsOf(migrated, 'failed');
    expect(failed?.error).toMatchObject({ code: 'DEFINITION_MISMATCH', path: 'body.kept[]' });
    expect(describeError(failed?.error).message).toBe(STRAY);
    expect((await collection.memory.get(KEY))?.document).toEqual(document);
  });

  it('is seen by a dry run', async () => {
    const [made, collection] = await sealedByAnEarlierDefinition();
    const options = { createdBefore: new Date(made.clock.wallMs()), dryRun: true };
    const migration = reencryptDocuments(made.encryptor, NARROW, collection.store, {
      allowEmpty: true,
      ...options,
    });
    const { summary } = await migrate(migration, made.clock);
    expect(summary).toMatchObject({ failed: 1, wouldChange: 0 });
  });

  it('that came while the document was given a new etag keeps its DEK', async () => {
    const [made, collection] = await sealedNotes(1);
    const before = await stored(collection, 'note-0');
    let isIn = false;
    collection.probe.after = async (method, result) => {
      const rows = (await made.memory.list({ product: 'notelett' })).items;
      const isRetired = rows.some(({ value }) => (value as DekRow).state === 'retired');
      if (method !== 'get' || !isRetired || isIn) return result;
      isIn = true;
      const item = result as { document: Loose };
      await put(collection, { ...item.document, copy: before['body'] });
      return result;
    };
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(isIn).toBe(true);
    expect(summary).toMatchObject({ complete: false, shredded: 0, failed: 1 });
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
  });

  it('is not passed over by a removal', async () => {
    const [made, collection, document] = await sealedByAnEarlierDefinition();
    const off = setup({ beside: made, enabled: false });
    const removal = removeEncryption(off.encryptor, NARROW, collection.store, { allowEmpty: true });
    const migrated = await migrate(removal, made.clock);
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, changed: 0 });
    expect(describeError(eventsOf(migrated, 'failed')[0]?.error).message).toBe(STRAY);
    expect((await collection.memory.get(KEY))?.document).toEqual(document);
  });

  it('of another document is none of its business', async () => {
    const [made, collection] = await sealedNotes(2);
    const embedded = (await stored(collection, 'note-1'))['body'];
    await put(collection, { ...(await stored(collection, 'note-0')), quoted: embedded });
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: true, shredded: 2 });
  });
});

describe('one document that goes wrong', () => {
  it('does not keep the others from being shredded: a row with a mac', async () => {
    const [made, collection] = await sealedNotes(2);
    const mac = { macKeyId: '0123456789abcdef', mac: 'A'.repeat(43) };
    await alterRow(made, (await rowOf(made, 'note-0', 1)).id, mac);
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: false, failed: 1, retired: 1, shredded: 1 });
  });

  it('does not keep the others from being shredded: a row that the store will not replace', async () => {
    const [made, collection] = await sealedNotes(2);
    made.store.before = (method, [value]) => {
      const row = value as DekRow;
      if (method !== 'replace' || row.state !== 'retired' || row.scope.at(-1) !== 'note-0') return;
      throw new StoreError('STORE_FAILED', 'forbidden');
    };
    const { summary, events } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: false, failed: 1, retired: 1, shredded: 1 });
    const waits = events.filter((event) => event.type === 'fence' && event.remainingMs === 30_000);
    expect(waits).toHaveLength(1);
  });

  it('for a read that failed alone is shredded in the same run', async () => {
    const [made, collection] = await sealedNotes(3);
    const { dekId } = (await stored(collection, 'note-1'))['body'] as { dekId: string };
    let reads = 0;
    made.store.before = (method, [scopeId]) => {
      if (method !== 'listScope' || scopeId !== dekId.split('.')[0]) return;
      reads += 1;
      if (reads === 4) throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await reencrypt(made, collection, { shred: true, concurrency: 1 });
    expect(reads).toBeGreaterThan(4);
    expect(summary).toMatchObject({ complete: true, retired: 3, shredded: 3 });
  });

  it('for what cannot be sealed gets no DEK, however often it is tried', async () => {
    const [made, collection] = await sealedNotes(1);
    await put(collection, { ...(await stored(collection, 'note-0')), meta: 'misshapen' });
    const dry = await reencrypt(made, collection, { dryRun: true });
    expect(dry.summary).toMatchObject({ failed: 1, wouldChange: 0 });
    for (let run = 0; run < 2; run += 1) {
      expect((await reencrypt(made, collection)).summary).toMatchObject({ failed: 1 });
    }
    expect(await statesOf(made, 'note-0')).toEqual(['1 active']);
  });
});

describe('a lease that is lost', () => {
  it.each([
    ['before a row is retired', { shred: false }, ['1 active', '2 active']],
    ['before a row is shredded', { shred: true }, ['1 retired', '2 active']],
  ])('%s keeps it from being changed', async (_when, options, states) => {
    const [made, collection] = await sealedNotes(1);
    let rewritten = 0;
    collection.probe.after = async (method, result) => {
      if (method !== 'replace') return result;
      rewritten += 1;
      if (rewritten === (options.shred ? 2 : 1)) await takeLease(made);
      return result;
    };
    const run = reencrypt(made, collection, options);
    expect(await rejection(run)).toMatchObject({ code: 'MIGRATION_SUPERSEDED' });
    expect(await statesOf(made, 'note-0')).toEqual(states);
  });
});

async function takeLease(made: Setup): Promise<void> {
  made.clock.advance(30_000);
  const item = await readLeaseItem(made.memory, 'notelett', 'notes');
  const lease = { ...(item?.value as Lease), owner: 'another' };
  await made.memory.replaceItem(lease, String(item?.etag));
}

/** A document, and its DEK row as its writer retires it that created it late: it was never in use. */
async function lateRow(): Promise<{ readonly document: Loose; readonly row: DekRow }> {
  const elsewhere = setup();
  const document = await encryptAny(elsewhere.encryptor, { ...KEY, id: 'late', body: 'text' });
  const [row] = await rows(elsewhere);
  const { createdAt } = row as ActiveDekRow;
  return { document, row: { ...(row as ActiveDekRow), state: 'retired', retiredAt: createdAt } };
}

describe('a DEK that was created late, and retired by its writer during the wait', () => {
  it('is shredded after a wait of its own: another writer may use it until then', async () => {
    const [made, collection] = await sealedNotes(1);
    const { document, row } = await lateRow();
    made.clock.advance(1_000);
    const options = { createdBefore: new Date(made.clock.wallMs()), shred: true };
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    const events: MigrationEvent[] = [];
    let waits = 0;
    const waitsAtShred: Record<string, number> = {};
    made.store.before = (method, [next]) => {
      const { state, scope } = (next ?? {}) as Partial<DekRow>;
      if (method === 'replace' && state === 'shredded') waitsAtShred[scope?.at(-1) ?? ''] = waits;
    };
    for (;;) {
      const { done, value } = await pull(migration, made.clock);
      if (done) break;
      const isFirst = value.type === 'fence' && events.at(-1)?.type !== 'fence';
      if (isFirst) waits += 1;
      if (isFirst && waits === 1) {
        await made.memory.create(row);
        await put(collection, document);
      }
      events.push(value);
    }
    expect(waitsAtShred).toEqual({ 'note-0': 1, late: 2 });
    expect(events.at(-1)).toMatchObject({ summary: { complete: true, shredded: 2 } });
    expect(await statesOf(made, 'late')).toEqual(['1 shredded', '2 active']);
    expect(await opened(made, collection, 'late')).toMatchObject({ body: 'text' });
  });
});

describe('a shred whose answer is lost', () => {
  it('is counted, and its key is gone from the cache of the encryptor', async () => {
    const [made, collection] = await sealedNotes(1);
    const old = await stored(collection, 'note-0');
    await opened(made, collection, 'note-0');
    made.store.after = (method, result) => {
      const { value } = (result ?? {}) as { value?: { state?: string } };
      if (method !== 'replace' || value?.state !== 'shredded') return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: true, shredded: 1 });
    expect(await rejection(decryptAny(made.encryptor, old))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });
});

describe('a source beside keys that work', () => {
  const lost = new EnvKeyProvider({ key: MEK_HEX });

  it('is not asked for what the encryption alone can open', async () => {
    const [before, collection] = await sealedNotes(1);
    const made = setup({ beside: before, keyProviders: [envKeys('b')] });
    await rewrap(made, { withoutOpening: [await targetOf('a')] });
    await put(collection, await encryptAny(made.encryptor, { ...KEY, id: 'later', body: 'x' }));
    const { summary } = await reencrypt(made, collection, { source: { keyProvider: lost } });
    expect(summary).toMatchObject({ complete: true, failed: 0, retired: 2 });
  });

  it('opens a document that is sealed in part by either', async () => {
    const [before, collection] = await sealedNotes(1);
    const made = setup({ beside: before, keyProviders: [envKeys('b')] });
    await rewrap(made, { withoutOpening: [await targetOf('a')] });
    const retiredAt = new Date(made.clock.wallMs()).toISOString();
    await alterRow(made, (await rowOf(made, 'note-0', 1)).id, { state: 'retired', retiredAt });
    const later = await encryptAny(made.encryptor, { ...KEY, id: 'note-0', title: 't' });
    await put(collection, { ...(await stored(collection, 'note-0')), title: later['title'] });
    const { summary } = await reencrypt(made, collection, { source: { keyProvider: lost } });
    expect(summary).toMatchObject({ complete: true, failed: 0, changed: 1 });
    expect(await opened(made, collection, 'note-0')).toMatchObject({
      title: 't',
      tags: ['x', 'y'],
    });
  });

  it('whose store is a backup from before leaves the rows since then to the store', async () => {
    const [made, collection] = await sealedNotes(1);
    const source = { keyProvider: lost, dekStore: new MemoryDekStore() };
    const { summary } = await reencrypt(made, collection, { source });
    expect(summary).toMatchObject({ complete: true, failed: 0 });
  });

  it('is the one that is named where neither opens a DEK', async () => {
    const [before, collection] = await sealedNotes(1);
    const made = setup({ beside: before, keyProviders: [envKeys('b')] });
    await rewrap(made, { withoutOpening: [await targetOf('a')] });
    const source = { keyProvider: envKeys('c'), dekStore: new MemoryDekStore() };
    const migrated = await reencrypt(made, collection, { source });
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({ code: 'DEK_NOT_FOUND' });
  });
});
