import { placeOf } from '../../src/document/document-draft.js';
import type fc from 'fast-check';
import type { DekRow } from '../../src/adapters.js';
import {
  backfillDocuments,
  createFieldEncryptor,
  DekCache,
  EnvKeyProvider,
  type DekStore,
  type Envelope,
  type FieldEncryptor,
} from '../../src/index.js';
import { standsFor } from '../../src/store/dek-store.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import { deferred } from './deferred.js';
import { decryptAny, encryptAny, KEY, MEK_HEX, note, PRODUCT, type Loose } from './encryptor.js';
import { describeError } from './failure.js';
import { PauseClock } from './rotation/auto-clock.js';

const OTHER_KEY = { ...KEY, id: 'note-2' };

/** The outcome of a call, and whether it was known before the shred resolved. */
export interface Call {
  readonly name: string;
  readonly begunAfter: boolean;
  settledAfter?: boolean;
  /** Absent where it was refused. */
  dekIds?: readonly string[];
  code?: string;
}

export interface RacePlan {
  readonly hasDek: boolean;
  readonly isWarm: boolean;
  /** Which step of the first call takes until the shred has resolved. */
  readonly heldStep: number;
  /** Ways to use a DEK, each with which of the two encryptors uses it. */
  readonly calls: readonly { readonly way: Way; readonly isSecond: boolean }[];
}

/** One document, shredded in a process with two encryptors over one store, beside all that they can do with it. */
export class ShredRace {
  readonly memory = new MemoryDekStore();
  readonly documents = new MemoryDocumentStore<Loose>({ key: note.key });
  /** Of two updates that meet, one pauses before it looks again. */
  readonly clock = new PauseClock();
  readonly caches = [this.#cache(), this.#cache()];
  readonly calls: Call[] = [];
  /** Of the document's scope, in whatever state, when the shred resolved. */
  dekIdsAtShred: readonly string[] = [];
  isShredded = false;
  /** As it was stored at the beginning; absent where it had no DEK. */
  stored: Loose | undefined;
  other: Loose = {};
  /** By whether their steps can be held, and by their cache. */
  readonly #users: readonly (readonly User[])[];
  readonly #scheduler: fc.Scheduler;
  readonly #resolved = deferred();
  /** The first call is at the step that is held, or over. */
  readonly #reached = deferred();
  #heldStep = 0;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    this.#users = [false, true].map((isHeld) =>
      this.caches.map((cache) => this.#user(cache, isHeld)),
    );
  }

  /** Another process: nothing in memory. */
  fresh(): FieldEncryptor {
    const keyProviders = [new EnvKeyProvider({ key: MEK_HEX })];
    const parts = { product: PRODUCT, keyProviders, dekStore: this.memory, clock: this.clock };
    return createFieldEncryptor({ ...parts, dekCache: this.#cache() });
  }

  /** Until everything has settled. */
  async run({ hasDek, isWarm, heldStep, calls }: RacePlan): Promise<void> {
    await this.#arrange(hasDek, isWarm);
    this.#heldStep = heldStep;
    const working: Promise<void>[] = [];
    for (const [index, { way, isSecond }] of calls.entries()) {
      const name = `${way} ${String(index)}`;
      const start = this.#scheduler.schedule(Promise.resolve(), `${name} begins`);
      const running = start.then(() => this.#call(name, way, this.#userOf(index, isSecond)));
      working.push(index === 0 ? running.finally(this.#reached.resolve) : running);
    }
    const shredding = this.#reached.promise.then(async () => {
      await this.#scheduler.schedule(Promise.resolve(), 'shred begins');
      await this.#userOf(1, false).encryptor.shred(note, KEY);
      this.isShredded = true;
      this.#resolved.resolve();
      this.dekIdsAtShred = (await this.rows()).map(({ id }) => id);
      await Promise.all(
        calls.map(({ way, isSecond }, index) =>
          this.#call(`${way} after`, way, this.#userOf(index, isSecond)),
        ),
      );
    });
    await this.#scheduler.waitFor(Promise.all([...working, shredding]));
  }

  async rows(): Promise<readonly DekRow[]> {
    const { scope } = placeOf(note, PRODUCT, KEY);
    const items = await this.memory.listScope(scope.scopeId);
    return items.map(({ value }) => value as DekRow);
  }

  async #arrange(hasDek: boolean, isWarm: boolean): Promise<void> {
    const before = this.fresh();
    this.other = await encryptAny(before, { ...OTHER_KEY, body: 'other' });
    if (hasDek) {
      this.stored = await encryptAny(before, { ...KEY, body: 'before' });
      await this.documents.create(this.stored);
    }
    if (!isWarm || !this.stored) return;
    const { stored } = this;
    const warming = [false, true].map(async (isSecond) => {
      const { encryptor } = this.#userOf(1, isSecond);
      await decryptAny(encryptor, stored);
      await encryptAny(encryptor, { ...KEY, body: 'warm' });
    });
    await this.#scheduler.waitFor(Promise.all(warming));
  }

  async #call(name: string, way: Way, user: User): Promise<void> {
    const call: Call = { name, begunAfter: this.isShredded };
    this.calls.push(call);
    const pause = (): Promise<void> => this.#step(`${name} goes on`, user.isHeld);
    try {
      call.dekIds = await WAYS[way]({ ...user, race: this, pause });
    } catch (error) {
      const { code, name: kind, message } = describeError(error);
      call.code = code ?? (message === IDLE ? IDLE : `${kind}: ${message}`);
    }
    call.settledAfter = this.isShredded;
  }

  /** A large one takes long to make. */
  #cache(): DekCache {
    return new DekCache({ clock: this.clock, maxEntries: 64 });
  }

  /** The first call can be held, and what the process calls on its behalf. */
  #userOf(index: number, isSecond: boolean): User {
    return this.#users[index === 0 ? 1 : 0]?.[isSecond ? 1 : 0] as User;
  }

  /** All are of one process: they have one store. */
  #user(dekCache: DekCache, isHeld: boolean): User {
    const dekStore: DekStore = this.#scheduled(this.memory, isHeld);
    standsFor(dekStore, this);
    const keyProviders = [this.#scheduled(new EnvKeyProvider({ key: MEK_HEX }), isHeld)];
    const parts = { product: PRODUCT, keyProviders, dekStore, dekCache, clock: this.clock };
    const documents = this.#scheduled(this.documents, isHeld);
    return { encryptor: createFieldEncryptor(parts), documents, isHeld };
  }

  async #step(label: string, isHeld: boolean): Promise<void> {
    if (isHeld && --this.#heldStep === 0) {
      this.#reached.resolve();
      await this.#resolved.promise;
    }
    await this.#scheduler.schedule(Promise.resolve(), label);
  }

  #scheduled<T extends object>(target: T, isHeld: boolean): T {
    return new Proxy(target, {
      get: (_target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          await this.#step(`${name} is sent`, isHeld);
          try {
            return await (member as (...all: readonly unknown[]) => unknown).apply(target, [
              ...args,
            ]);
          } finally {
            await this.#step(`${name} is answered`, isHeld);
          }
        };
      },
    });
  }
}

interface User {
  readonly encryptor: FieldEncryptor;
  readonly documents: MemoryDocumentStore<Loose>;
  readonly isHeld: boolean;
}

interface WayWorld extends User {
  readonly race: ShredRace;
  readonly pause: () => Promise<void>;
}

/** Thrown where a call has nothing to do in this run. */
export const IDLE = 'nothing to do';

function storedIn({ stored }: ShredRace): Loose {
  if (stored) return stored;
  throw new Error(IDLE);
}

function dekIdOf(document: object, property = 'body'): string {
  return ((document as Loose)[property] as Envelope).dekId;
}

/** Every way to seal, open, load, create and confirm; each gives the dekIds that it went by. */
const WAYS = {
  encrypt: async ({ encryptor }: WayWorld) => [
    dekIdOf(await encryptAny(encryptor, { ...KEY, body: 'text' })),
  ],
  'encrypt a change': async ({ encryptor, race }: WayWorld) => {
    const written = await encryptAny(encryptor, { ...storedIn(race), title: 'title' });
    return [dekIdOf(written), dekIdOf(written, 'title')];
  },
  'keep what is sealed': async ({ encryptor, race }: WayWorld) => {
    const write = await encryptor.beginWrite(note, { ...storedIn(race), pinned: true } as never);
    return (await write.confirm()) ? [dekIdOf(write.document)] : [];
  },
  update: async ({ encryptor, documents, pause }: WayWorld) => {
    const item = await encryptor.updateDocument(note, documents as never, KEY, async () => {
      await pause();
      return { ...KEY, body: 'updated' };
    });
    return [dekIdOf(item?.document ?? {})];
  },
  'begin a write': async ({ encryptor, pause }: WayWorld) => {
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'text' });
    await pause();
    return (await write.confirm()) ? [dekIdOf(write.document)] : [];
  },
  'seal again': async ({ encryptor, pause }: WayWorld) => {
    const write = await encryptor.beginWrite(note, { ...KEY, body: 'text' });
    await pause();
    const again = await write.sealAgain(write.document);
    return [dekIdOf(again?.document ?? {})];
  },
  'seal in an open document': async ({ encryptor, pause }: WayWorld) => {
    const open = await encryptor.openDocument(note, KEY, { createDek: true });
    await pause();
    const { dekId } = open.seal('body', 'text');
    await pause();
    return (await open.confirmWrite()) ? [dekId] : [];
  },
  'open in an open document': async ({ encryptor, race, pause }: WayWorld) => {
    const stored = storedIn(race);
    const open = await encryptor.openDocument(note, KEY);
    await pause();
    open.open('body', stored['body']);
    return [dekIdOf(stored)];
  },
  decrypt: async ({ encryptor, race }: WayWorld) => {
    const stored = storedIn(race);
    await decryptAny(encryptor, stored);
    return [dekIdOf(stored)];
  },
  'decrypt a list': async ({ encryptor, race }: WayWorld) => {
    const stored = storedIn(race);
    const list = [race.other, stored] as never[];
    const [other, own] = await encryptor.decryptDocuments(note, list, { concurrency: 1 });
    if (!other?.ok) throw new Error('The other document was not shredded');
    if (!own?.ok) throw own?.error as Error;
    return [dekIdOf(stored)];
  },
  backfill: async ({ encryptor, race }: WayWorld) => {
    let isRewrittenBefore = false;
    const documents = new MemoryDocumentStore<Loose>({ key: note.key });
    await documents.create({ ...KEY, body: 'plain' });
    for await (const event of backfillDocuments(encryptor, note, documents, { allowEmpty: true })) {
      // Another one has the lease, and time stands still.
      if (event.type === 'lease') throw new Error(IDLE);
      if (event.type === 'failed') throw event.error as Error;
      if (event.type === 'changed') isRewrittenBefore = !race.isShredded;
    }
    // Then all that was left is to give the lease back.
    if (isRewrittenBefore) return [];
    const item = await documents.get(KEY);
    return [dekIdOf(item?.document ?? {})];
  },
} satisfies Record<string, (world: WayWorld) => Promise<readonly string[]>>;

export type Way = keyof typeof WAYS;
export const ALL_WAYS = Object.keys(WAYS) as Way[];
