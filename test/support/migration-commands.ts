import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import {
  backfillDocuments,
  createFieldEncryptor,
  DekCache,
  reencryptDocuments,
  removeEncryption,
  rewrapAllDeks,
  type FieldEncryptor,
  type FieldEncryptorOptions,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import { decryptAny, KEY, note, PRODUCT, type Loose } from './encryptor.js';
import { Mortal } from './migration-mortal.js';
import { AutoClock } from './rotation/auto-clock.js';
import { ALL_MEKS, providerOf, targetAt, type MekName } from './rotation/meks.js';
import type { Tally } from './rotation/tally.js';

const FENCE_TTL_MS = 1_000;

/** What every document has to read as, by id. */
export type Model = Map<string, Loose>;

/** The two stores, and the processes that go on all the time. */
export class Real {
  readonly clock = new AutoClock();
  readonly rows = new MemoryDekStore();
  readonly documents = new MemoryDocumentStore<Loose>({ key: note.key });
  readonly tally: Tally;
  readonly reader = this.process({ mode: 'migrate' });
  /** Each with a cache of its own. */
  readonly writers = [this.process(), this.process()] as const;
  readonly oldWriter = this.process({ enabled: false });

  constructor(tally: Tally) {
    this.tally = tally;
  }

  process(options: Partial<FieldEncryptorOptions> = {}): FieldEncryptor {
    return createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [providerOf(ALL_MEKS)],
      dekStore: this.rows,
      dekCache: new DekCache({ clock: this.clock, maxEntries: 2 }),
      clock: this.clock,
      fenceTtlMs: FENCE_TTL_MS,
      ...options,
    });
  }

  /** Every document reads as the model has it, and no other is there. */
  async requireLike(model: Model): Promise<void> {
    const { items } = await this.documents.list({ pageSize: 100 });
    const read = await Promise.all(items.map(({ document }) => decryptAny(this.reader, document)));
    const byId = (one: Loose, other: Loose): number =>
      String(one['id']) < String(other['id']) ? -1 : 1;
    deepEqual(read.sort(byId), [...model.values()].sort(byId));
  }
}

export type Command = fc.AsyncCommand<Model, Real>;

/** Where a run of an iterator ends: of itself, by its driver at an event, or dead with a call under way. */
interface Stop {
  readonly as: 'dead' | 'left' | 'whole';
  readonly after: number;
}

interface Summed {
  readonly type: string;
  readonly summary?: { readonly complete: boolean; readonly failed: number };
}

/** A process that drives one iterator. */
class Drive implements Command {
  readonly #name: string;
  readonly #stop: Stop;
  readonly #start: (real: Real, mortal: Mortal) => AsyncGenerator<Summed, unknown, void>;
  readonly #whole: (real: Real, model: Model) => Promise<void> | void;

  constructor(
    name: string,
    stop: Stop,
    start: (real: Real, mortal: Mortal) => AsyncGenerator<Summed, unknown, void>,
    whole: (real: Real, model: Model) => Promise<void> | void = () => undefined,
  ) {
    this.#name = name;
    this.#stop = stop;
    this.#start = start;
    this.#whole = whole;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const { as, after } = this.#stop;
    const mortal = new Mortal({
      after: as === 'dead' ? after : Infinity,
      counts: 'calls',
      dies: true,
    });
    const last = await Promise.race([this.#drive(real, mortal), mortal.stop]);
    real.tally.add(
      `${this.#name} that was ${as}`,
      as === 'whole' ? last !== undefined : last === undefined,
    );
    if (last) deepEqual([last.complete, last.failed], [true, 0], this.toString());
    await real.requireLike(model);
    if (last) await this.#whole(real, model);
  }

  toString(): string {
    return `${this.#name}(${this.#stop.as} ${String(this.#stop.after)})`;
  }

  /** The summary; `undefined` where it was left. */
  async #drive(real: Real, mortal: Mortal): Promise<Summed['summary']> {
    let events = 0;
    for await (const event of this.#start(real, mortal)) {
      if (event.type === 'finished') return event.summary;
      events += 1;
      if (this.#stop.as === 'left' && events === this.#stop.after) return undefined;
    }
    return undefined;
  }
}

/** A process of its own that may die: its encryption, and its documents. */
function dying(
  real: Real,
  mortal: Mortal,
  enabled = true,
): readonly [FieldEncryptor, MemoryDocumentStore<Loose>] {
  const keyProviders = [mortal.over(providerOf(ALL_MEKS))];
  const encryptor = real.process({ dekStore: mortal.over(real.rows), keyProviders, enabled });
  return [encryptor, mortal.over(real.documents)];
}

function backfill(stop: Stop): Command {
  const start = (real: Real, mortal: Mortal): AsyncGenerator<Summed> => {
    const [encryptor, documents] = dying(real, mortal);
    return backfillDocuments(encryptor, note, documents, { allowEmpty: true, leaseTtlMs: 1_000 });
  };
  return new Drive('backfill', stop, start, (real) => requireNoPlaintext(real));
}

function reencrypt(stop: Stop, shred: boolean): Command {
  let createdBefore = new Date();
  const start = (real: Real, mortal: Mortal): AsyncGenerator<Summed> => {
    const [encryptor, documents] = dying(real, mortal);
    real.clock.advance(1);
    createdBefore = new Date(real.clock.wallMs());
    return reencryptDocuments(encryptor, note, documents, {
      allowEmpty: true,
      createdBefore,
      shred,
      leaseTtlMs: 1_000,
    });
  };
  return new Drive(
    shred ? 'reencrypt and shred' : 'reencrypt',
    stop,
    start,
    async (real, model) => {
      const allowed = shred ? ['shredded'] : ['retired', 'shredded'];
      for (const { value } of (await real.rows.list({ product: PRODUCT }, { pageSize: 1_000 }))
        .items) {
        const { createdAt, scope, state } = value as {
          createdAt: string;
          scope: string[];
          state: string;
        };
        if (!model.has(scope.at(-1) ?? '') || createdAt >= createdBefore.toISOString()) continue;
        equal(allowed.includes(state), true, `A DEK from before is ${state}`);
      }
    },
  );
}

function rewrap(stop: Stop, to: MekName): Command {
  const start = (real: Real, mortal: Mortal): AsyncGenerator<Summed> =>
    rewrapAllDeks(dying(real, mortal)[0], {
      target: targetAt(to),
      takeOver: true,
      allowEmpty: true,
    });
  return new Drive('rewrap', stop, start);
}

function leave(stop: Stop): Command {
  const start = (real: Real, mortal: Mortal): AsyncGenerator<Summed> => {
    const [encryptor, documents] = dying(real, mortal, false);
    return removeEncryption(encryptor, note, documents, { allowEmpty: true, leaseTtlMs: 1_000 });
  };
  return new Drive('removal of encryption', stop, start, async (real, model) => {
    const { items } = await real.documents.list({ pageSize: 100 });
    for (const { document } of items) deepEqual(document, model.get(String(document['id'])));
  });
}

async function requireNoPlaintext({ documents }: Real): Promise<void> {
  const { items } = await documents.list({ pageSize: 100 });
  for (const { document } of items) {
    for (const name of ['title', 'body']) {
      const value = document[name];
      equal(
        value === undefined || Object.hasOwn(value as object, '_enc'),
        true,
        `"${name}" is plain`,
      );
    }
  }
}

interface Step {
  readonly name: string;
  readonly check?: (model: Readonly<Model>) => boolean;
  /** Its entry in the tally. */
  readonly kind: string;
  readonly run: (model: Model, real: Real) => Promise<void>;
}

/** Something that is over at once; afterwards everything reads as it is to. */
function step({ name, check = () => true, kind, run }: Step): Command {
  return {
    check,
    run: async (model, real) => {
      await run(model, real);
      real.tally.add(kind, true);
      await real.requireLike(model);
    },
    toString: () => name,
  };
}

/** A change of one field by a process that is alive all the time. */
function write(by: 'old' | 0 | 1, id: string, change: Loose): Command {
  const key = { ...KEY, id };
  return step({
    name: `write(${String(by)} ${id} ${JSON.stringify(change)})`,
    kind: by === 'old' ? 'a write by an old process' : 'a write',
    run: async (model, real) => {
      const writer = by === 'old' ? real.oldWriter : real.writers[by];
      await writer.updateDocument(note, real.documents as never, key, (stored) => ({
        ...(stored as Loose | undefined),
        ...key,
        ...change,
      }));
      model.set(id, { ...model.get(id), ...key, ...change });
    },
  });
}

/** A document goes, with its DEKs or without them. */
function remove(id: string, shred: boolean): Command {
  const key = { ...KEY, id };
  return step({
    name: `remove(${id}${shred ? ', shred' : ''})`,
    kind: shred ? 'a document that was shredded' : 'a document that was deleted',
    check: (model) => model.has(id),
    run: async (model, real) => {
      const item = await real.documents.get(key);
      if (item) await real.documents.delete(key, item.etag);
      if (shred) await real.writers[0].shred(note, key);
      // The other writer may seal under the row that it read for so long.
      if (shred) real.clock.advance(FENCE_TTL_MS);
      model.delete(id);
    },
  });
}

const ids = fc.constantFrom('note-0', 'note-1', 'note-2');
const changes = fc.oneof(
  fc.nat({ max: 9 }).map((nth) => ({ title: `title ${String(nth)}` })),
  fc.nat({ max: 9 }).map((nth) => ({ body: { nth } })),
);

function stops(calls: number): fc.Arbitrary<Stop> {
  return fc.oneof(
    fc.constant<Stop>({ as: 'whole', after: 0 }),
    fc.record({ as: fc.constant('left' as const), after: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ as: fc.constant('dead' as const), after: fc.integer({ min: 1, max: calls }) }),
  );
}

/** Writes are the most frequent: without them nothing is to be done. */
export const commands: fc.Arbitrary<Iterable<Command>> = fc.commands(
  [
    ...Array.from({ length: 3 }, () =>
      fc
        .tuple(fc.constantFrom(0 as const, 1 as const), ids, changes)
        .map((parts) => write(...parts)),
    ),
    ...Array.from({ length: 3 }, () =>
      fc.tuple(ids, changes).map((parts) => write('old', ...parts)),
    ),
    fc.tuple(ids, fc.boolean()).map((parts) => remove(...parts)),
    stops(25).map(backfill),
    fc.tuple(stops(60), fc.boolean()).map((parts) => reencrypt(...parts)),
    fc.tuple(stops(25), fc.constantFrom(...ALL_MEKS)).map((parts) => rewrap(...parts)),
    stops(25).map(leave),
  ],
  { maxCommands: 24, size: 'max' },
);

/** The way to the end: everything is sealed, each under a DEK of the end alone. */
export const ENDING: readonly Command[] = [
  backfill({ as: 'whole', after: 0 }),
  reencrypt({ as: 'whole', after: 0 }, true),
  rewrap({ as: 'whole', after: 0 }, 'c'),
];
