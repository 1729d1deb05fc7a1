/** Every run that writes DEK rows, over rows of every kind that it writes. @module */
import type { DekRow } from '../../../src/adapters.js';
import {
  addRecoveryWraps,
  prunePreviousWraps,
  recoverDeks,
  reencryptDocuments,
  resealRecords,
  rewrapAllDeks,
  rollbackRotation,
} from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  type Setup,
  type SetupOptions,
} from '../../support/encryptor.js';
import { addPlain, backfill, notes, type Notes } from '../../support/migrations.js';
import { withoutPreviousWrap } from '../../support/previous-wraps.js';
import { PAIR } from '../../support/recovery-pairs.js';
import { RECORD_KEY } from '../../support/records.js';
import {
  alterRow,
  envKeys,
  rows,
  targetOf,
  withKeys,
  writeNotes,
  type MekName,
} from '../../support/rotations.js';
import { newWorld, type RowWrite, type Stepped } from './stepped.js';

/** What is arranged before the process begins. */
export interface Arranged {
  readonly world: Setup;
  /** Of the process that is held, and of the one that supersedes it. */
  readonly options: SetupOptions;
  readonly superseder: SetupOptions;
  /** Every document that has to be readable in the end. */
  readonly documents: () => Promise<readonly unknown[]>;
  readonly run: (stepped: Stepped) => Promise<unknown>;
}

export interface Run {
  readonly name: string;
  /** Each kind of row write that the run makes when it is left alone. */
  readonly kinds: readonly WriteKind[];
  /** The run stops once another rotation has begun, and writes nothing more. */
  readonly stops: boolean;
  /** Its create is on its way while a rotation goes past, before anything else happens. */
  readonly createsLate?: boolean;
  readonly arrange: () => Promise<Arranged>;
}

export type WriteKind =
  | 'create'
  | 'epoch alone'
  | 'flip'
  | 'mac'
  | 'prune'
  | 'recovery wrap'
  | 'retire'
  | 'rewrap'
  | 'shred';

type Wrapped = DekRow & { readonly previousWrap?: { readonly wrappedDek: string } };

export function kindOf({ row, before }: RowWrite): WriteKind {
  if (!before) return 'create';
  if (row.state === 'shredded') return 'shred';
  if (row.state !== before.state) return 'retire';
  const [now, then] = [
    row as Wrapped & { wrappedDek: string },
    before as Wrapped & { wrappedDek: string },
  ];
  if (now.wrappedDek !== then.wrappedDek) {
    return now.wrappedDek === then.previousWrap?.wrappedDek ? 'flip' : 'rewrap';
  }
  if (row.epoch !== before.epoch) return 'epoch alone';
  if (then.previousWrap && !now.previousWrap) return 'prune';
  return row.mac === before.mac ? 'recovery wrap' : 'mac';
}

/** A cache of the usual size takes longer to make than everything else here. */
const cache = { maxEntries: 16 };

const ALL_KEYS: SetupOptions = { keyProviders: [envKeys('c', 'b', 'a')], cache };

/** Pulls to the end, a step at a time. */
async function pullAll(work: AsyncGenerator, { step }: Stepped): Promise<void> {
  for (;;) {
    await step('pull');
    const { done } = await work.next();
    if (done === true) return;
  }
}

/** One rotation after another, each to its end or until a number of rows were rewrapped. */
async function rotate(world: Setup, to: MekName, { rows: most = Infinity } = {}): Promise<void> {
  const { encryptor } = withKeys(world, ['c', 'b', 'a'], { ...ALL_KEYS });
  const options = { target: await targetOf(to), concurrency: 1, takeOver: true };
  let rewrapped = 0;
  for await (const event of rewrapAllDeks(encryptor, options)) {
    if (event.type === 'pass' && most === 0) return;
    if (event.type === 'changed' && (rewrapped += 1) >= most) return;
  }
}

async function rowIds(world: Setup): Promise<readonly string[]> {
  return (await rows(world)).map(({ id }) => id);
}

/** What unwraps, with MEK `b`, to another key than the one that the row commits to. */
async function breakPrimary(world: Setup, dekId: string): Promise<void> {
  const { wrappedDek } = await envKeys('b').wrapKey(Buffer.alloc(32, 3), await targetOf('b'));
  await alterRow(world, dekId, { wrappedDek });
}

const rewrap: Run = {
  name: 'a rewrap',
  kinds: ['epoch alone', 'rewrap'],
  stops: true,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 2);
    await rotate(world, 'c', { rows: 1 });
    await rotate(world, 'b', { rows: 0 });
    const run = async (all: Stepped): Promise<void> => {
      const options = { target: await targetOf('c'), concurrency: 1, takeOver: true };
      await pullAll(rewrapAllDeks(all.made.encryptor, options), all);
    };
    return plain(world, stored, run);
  },
};

const repair: Run = {
  name: 'a rewrap that repairs rows from their previous wraps',
  kinds: ['rewrap'],
  stops: true,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 2);
    await rotate(world, 'b');
    for (const id of await rowIds(world)) await breakPrimary(world, id);
    const run = async (all: Stepped): Promise<void> => {
      const options = { target: await targetOf('c'), concurrency: 1, takeOver: true };
      await pullAll(rewrapAllDeks(all.made.encryptor, options), all);
    };
    return plain(world, stored, run);
  },
};

const rollback: Run = {
  name: 'a rollback',
  kinds: ['epoch alone', 'flip', 'rewrap'],
  stops: true,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 4);
    await rotate(world, 'b', { rows: 2 });
    const [moved] = (await rows(world)).filter((row) => 'previousWrap' in row);
    await withoutPreviousWrap(world, moved?.id ?? '');
    const run = async (all: Stepped): Promise<void> => {
      const options = { target: await targetOf('a'), concurrency: 1, takeOver: true };
      await pullAll(rollbackRotation(all.made.encryptor, options), all);
    };
    return plain(world, stored, run);
  },
};

const recovery: Run = {
  name: 'a recovery',
  kinds: ['rewrap'],
  stops: true,
  async arrange() {
    const ours = { recoveryKey: PAIR.publicKey };
    const world = newWorld(ours);
    const stored = await writeNotes(world, 2);
    const run = async (all: Stepped): Promise<void> => {
      const { privateKey } = PAIR;
      const options = { target: await targetOf('b'), concurrency: 1, takeOver: true, privateKey };
      await pullAll(recoverDeks(all.made.encryptor, options), all);
    };
    const options = { ...ours, cache, keyProviders: [envKeys('b')] };
    return { ...plain(world, stored, run), options, superseder: { ...ALL_KEYS, ...ours } };
  },
};

const prune: Run = {
  name: 'a prune',
  kinds: ['prune'],
  stops: true,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 2);
    await rotate(world, 'b');
    world.clock.advance(1);
    const rewrappedBefore = new Date(world.clock.wallMs());
    const run = (all: Stepped): Promise<void> =>
      pullAll(prunePreviousWraps(all.made.encryptor, { rewrappedBefore, concurrency: 1 }), all);
    return plain(world, stored, run);
  },
};

const reseal: Run = {
  name: 'a reseal',
  kinds: ['mac'],
  stops: false,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 2);
    const run = (all: Stepped): Promise<void> =>
      pullAll(resealRecords(all.made.encryptor, { concurrency: 1 }), all);
    const options: SetupOptions = {
      ...ALL_KEYS,
      recordKey: RECORD_KEY,
      insecureAcceptUnauthenticatedRecords: true,
    };
    return { ...plain(world, stored, run), options, superseder: options };
  },
};

const recoveryWraps: Run = {
  name: 'adding recovery wraps',
  kinds: ['recovery wrap'],
  stops: false,
  async arrange() {
    const world = newWorld();
    const stored = await writeNotes(world, 2);
    const run = (all: Stepped): Promise<void> =>
      pullAll(addRecoveryWraps(all.made.encryptor, { concurrency: 1 }), all);
    const options = { ...ALL_KEYS, recoveryKey: PAIR.publicKey };
    return { ...plain(world, stored, run), options, superseder: options };
  },
};

const reencryption: Run = {
  name: 're-encryption that shreds',
  kinds: ['create', 'retire', 'shred'],
  stops: false,
  async arrange() {
    const world = newWorld();
    const collection = notes();
    await addPlain(collection, 2);
    await backfill(world, collection);
    world.clock.advance(1_000);
    const createdBefore = new Date(world.clock.wallMs());
    const run = (all: Stepped): Promise<void> => {
      const { store } = collection;
      const options = { createdBefore, shred: true, concurrency: 1 };
      return pullAll(
        reencryptDocuments(all.made.encryptor, note, store, { allowEmpty: true, ...options }),
        all,
      );
    };
    return { ...plain(world, [], run), documents: () => everyOne(collection) };
  },
};

const writer: Run = {
  name: 'a writer of new documents',
  kinds: ['create'],
  stops: false,
  async arrange() {
    const world = newWorld();
    const stored: unknown[] = await writeNotes(world, 1);
    const run = async ({ made, step }: Stepped): Promise<void> => {
      for (const id of ['one', 'two']) {
        await step('write');
        stored.push(await encryptAny(made.encryptor, { ...KEY, id, body: `of ${id}` }));
      }
    };
    return plain(world, stored, run);
  },
};

/** Rotations to `b` go past while the create is on its way: its writer moves the row, or its epoch. */
const lateWriter = (to: MekName, kind: WriteKind): Run => ({
  name: `a writer whose create was late for a rotation: ${kind}`,
  kinds: ['create', kind],
  stops: false,
  createsLate: true,
  async arrange() {
    const world = newWorld();
    const stored: unknown[] = await writeNotes(world, 1);
    const run = async ({ made }: Stepped): Promise<void> => {
      const { before } = made.store;
      made.store.before = async (method, args) => {
        if (method === 'create') {
          made.store.before = before;
          await rotate(world, 'b');
          if (to === 'a') await rotate(world, 'a');
        }
        await before(method, args);
      };
      stored.push(await encryptAny(made.encryptor, { ...KEY, id: 'late', body: 'late text' }));
    };
    return plain(world, stored, run);
  },
});

const shredder: Run = {
  name: 'a shred',
  kinds: ['shred'],
  stops: false,
  async arrange() {
    const world = newWorld();
    const [, ...stored] = await writeNotes(world, 2);
    const run = ({ made }: Stepped): Promise<void> =>
      made.encryptor.shred(note, { ...KEY, id: 'note-0' }).then(() => undefined);
    return plain(world, stored, run);
  },
};

export const RUNS: readonly Run[] = [
  rewrap,
  repair,
  rollback,
  recovery,
  prune,
  reseal,
  recoveryWraps,
  reencryption,
  writer,
  lateWriter('b', 'rewrap'),
  lateWriter('a', 'epoch alone'),
  shredder,
];

function plain(world: Setup, stored: readonly unknown[], run: Arranged['run']): Arranged {
  const documents = (): Promise<readonly unknown[]> => Promise.resolve(stored);
  return { world, options: ALL_KEYS, superseder: ALL_KEYS, documents, run };
}

async function everyOne({ memory }: Notes): Promise<readonly unknown[]> {
  const { items } = await memory.list();
  return items.map((item) => ('document' in item ? item.document : undefined));
}

/** @throws What keeps a document from being read. */
export async function readAll(reader: Setup, documents: readonly unknown[]): Promise<void> {
  for (const document of documents) await decryptAny(reader.encryptor, document);
}
