import { describe, expect, it } from 'vitest';
import {
  abandonDek,
  adoptRestoredStore,
  moveDocuments,
  type DocumentStore,
  type EncryptedDocument,
} from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { abandonConfirmed, BROKEN_WRAP, damaged } from '../support/abandoning.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import {
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { alterIn } from '../support/importing.js';
import { migrate, reencrypt, sealedNotes } from '../support/migrations.js';
import { place, RENAMED } from '../support/moving.js';
import { ended, rows, writeNotes } from '../support/rotations.js';

checkSinks();

function shreddedIn(sink: RecordingSink): readonly string[] {
  return sink.dataOf('deks.shredded').flatMap(({ dekIds }) => dekIds as string[]);
}

interface Tombstone {
  readonly id?: string;
  readonly state?: string;
}

/** DEKs that leave the store before the trail says so. */
function unrecorded({ store }: Setup, sink: RecordingSink): readonly string[] {
  const found: string[] = [];
  store.before = (method, args) => {
    const { id, state } = (args[0] ?? {}) as Tombstone;
    const isDelete = method.startsWith('delete');
    const dekId = isDelete ? (args[1] as string) : id;
    const isShred = state === 'shredded' || isDelete;
    if (isShred && dekId !== undefined && !shreddedIn(sink).includes(dekId)) found.push(dekId);
    return Promise.resolve();
  };
  return found;
}

async function tombstones(made: Setup): Promise<readonly string[]> {
  return (await rows(made)).flatMap(({ id, state }) => (state === 'shredded' ? [id] : [])).sort();
}

describe('DEKs that are shredded are recorded before', () => {
  it('by shred', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    await writeNotes(made, 2);
    const late = unrecorded(made, sink);
    const { shredded } = await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    expect(shreddedIn(sink)).toEqual(shredded);
    expect(sink.kinds).toEqual(['deks.shredded']);
    expect(late).toEqual([]);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    expect(sink.events).toHaveLength(1);
  });

  it('by shred, and nothing is shredded where that cannot be recorded', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    await writeNotes(made, 1);
    sink.before = () => Promise.reject(new Error('full'));
    const shred = made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    expect(await rejection(shred)).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(await tombstones(made)).toEqual([]);
  });

  it('by many calls at once, in few events', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    await writeNotes(made, 20);
    const late = unrecorded(made, sink);
    sink.before = () =>
      new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    const ids = Array.from({ length: 20 }, (_each, index) => `note-${String(index)}`);
    await Promise.all(ids.map((id) => made.encryptor.shred(note, { ...KEY, id })));
    expect([...shreddedIn(sink)].sort()).toEqual(await tombstones(made));
    expect(sink.events.length).toBeLessThan(10);
    expect(late).toEqual([]);
  });

  it('by a shred that meets a DEK that is being created', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    await writeNotes(made, 1);
    const late = unrecorded(made, sink);
    const watch = made.store.before;
    let isShredding = false;
    made.store.before = async (method, args) => {
      await watch(method, args);
      if (method !== 'create' || isShredding) return;
      isShredding = true;
      await made.encryptor.shred(note, { ...KEY, id: 'new' });
    };
    await rejection(encryptAny(made.encryptor, { ...KEY, id: 'new', body: 'text' }));
    expect(late).toEqual([]);
    expect(shreddedIn(sink)).toEqual(await tombstones(made));
    expect(shreddedIn(sink)).toHaveLength(1);
  });

  it('by deleteDocument', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    const documents = new MemoryDocumentStore<Loose>({ key: note.key });
    await documents.create(await encryptAny(made.encryptor, { ...KEY, body: 'text' }));
    const late = unrecorded(made, sink);
    const store = documents as unknown as DocumentStore<EncryptedDocument<typeof note>>;
    const { shredded } = await made.encryptor.deleteDocument(note, store, KEY);
    expect(shreddedIn(sink)).toEqual(shredded);
    expect(late).toEqual([]);
  });

  it('by reencryptDocuments', async () => {
    const sink = newSink();
    const [first, collection] = await sealedNotes(3);
    const made = setup({ beside: first, audit: { sink } });
    const late = unrecorded(made, sink);
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary.shredded).toBe(3);
    expect([...shreddedIn(sink)].sort()).toEqual(await tombstones(made));
    expect(late).toEqual([]);
    expect(sink.dataOf('operation.finished')).toMatchObject([{ sums: { shredded: 3 } }]);
  });

  it('by reencryptDocuments without shred not at all', async () => {
    const sink = newSink();
    const [first, collection] = await sealedNotes(2);
    await reencrypt(setup({ beside: first, audit: { sink } }), collection);
    expect(sink.kinds).not.toContain('deks.shredded');
  });

  it('by moveDocuments', async () => {
    const sink = newSink();
    const [first, collection] = await sealedNotes(2);
    const made = setup({ beside: first, audit: { sink } });
    const late = unrecorded(made, sink);
    const from = { definition: note, documentStore: collection.store };
    const to = { definition: RENAMED, documentStore: place(RENAMED).documentStore };
    await migrate(moveDocuments(made.encryptor, from, to), made.clock);
    expect([...shreddedIn(sink)].sort()).toEqual(await tombstones(made));
    expect(shreddedIn(sink)).toHaveLength(2);
    expect(late).toEqual([]);
  });

  it('by adoptRestoredStore', async () => {
    const sink = newSink();
    const first = setup();
    const [stored = {}] = await writeNotes(first, 2);
    const { dekId } = envelopeAt(stored, 'body');
    const made = setup({ beside: first, audit: { sink } });
    const late = unrecorded(made, sink);
    await migrate(adoptRestoredStore(made.encryptor, { shredAgain: [dekId] }) as never, made.clock);
    expect(shreddedIn(sink)).toEqual([dekId]);
    expect(await tombstones(made)).toEqual([dekId]);
    expect(late).toEqual([]);
  });

  it('by abandonDek, which leaves a tombstone', async () => {
    const sink = newSink();
    const { operator, dekId } = await damaged(BROKEN_WRAP, { audit: { sink } });
    const late = unrecorded(operator, sink);
    await abandonConfirmed(operator, dekId);
    expect(sink.kinds).toEqual(['operation.started', 'deks.shredded', 'operation.finished']);
    expect(shreddedIn(sink)).toEqual([dekId]);
    expect(late).toEqual([]);
  });

  it('by abandonDek, which leaves nothing', async () => {
    const sink = newSink();
    const { operator, dekId } = await damaged({ scope: ['?'] }, { audit: { sink } });
    const late = unrecorded(operator, sink);
    const { leaves } = await abandonConfirmed(operator, dekId);
    expect(leaves).toBe('nothing');
    expect(sink.kinds).toEqual([
      ...['operation.started', 'record.changed', 'deks.shredded', 'operation.finished'],
    ]);
    expect(late).toEqual([]);
  });

  it('by abandonDek, and its refusal is recorded too', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    const [stored = {}] = await writeNotes(made, 1);
    const { dekId } = envelopeAt(stored, 'body');
    await alterIn(made.memory, dekId, {});
    const confirm = 'a'.repeat(64);
    await rejection(ended(abandonDek(made.encryptor, dekId, { confirm }), made.clock));
    expect(sink.dataOf('operation.refused')).toMatchObject([{ errorCode: 'ABANDON_REFUSED' }]);
    expect(sink.kinds).toEqual(['operation.started', 'operation.refused']);
  });
});
