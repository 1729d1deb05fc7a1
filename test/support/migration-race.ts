import { ok } from 'node:assert/strict';
import {
  createFieldEncryptor,
  DekCache,
  type DocumentStore,
  type MigrationEvent,
} from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { decryptAny, KEY, note, type Loose } from './encryptor.js';
import { Ledger, requireAllRows, requireRowsOf } from './migration-ledger.js';
import { isWrite, Mortal } from './migration-mortal.js';
import { codeOf, Run, type Encryption, type MigrateOptions, type Start } from './migration-run.js';
import type { Migration } from './migrations.js';
import { inTurns, type DocumentCall } from './rotation/document-turns.js';
import type { Call } from './rotation/intercepted.js';
import type { Plan, Schedule } from './rotation/schedule.js';
import type { Seed } from './rotation/seeds.js';
import { World } from './rotation/world.js';

/** Of documents that are written all the time. */
const BUSY = ['note-0', 'note-1', 'note-3'];
/** Only a migration writes the third: whatever is to be done there, no writer does it. */
export const IDS = ['note-0', 'note-1', 'note-2', 'note-3'];
/** As long as a fence, so that it can run out in a race. */
const LEASE_TTL_MS = 1_000;

/** Writers, readers and migrations of one collection, of which one at a time takes one step. */
export class Race {
  readonly world: World;
  readonly ledger: Ledger;
  readonly documents = new MemoryDocumentStore<Loose>({ key: note.key });
  readonly runs: Run[] = [];
  /** Times that a writer had to look at a document again. */
  retries = 0;
  takeovers = 0;
  #lease: { readonly value: Lease; readonly writtenAtMs: number } | undefined;
  readonly #plan: Plan;
  #violation: { readonly error: unknown } | undefined;

  private constructor(world: World, ledger: Ledger, plan: Plan) {
    this.world = world;
    this.ledger = ledger;
    this.#plan = plan;
    world.faults = ({ process, subject, method }) => {
      if (subject === 'store' && isWrite(method)) this.#sawWriteBy(process, method);
      return undefined;
    };
    world.onExecuted = (call) => {
      if (call.method.endsWith('Lease')) this.#sawLease(call);
      else this.#sawRow(call);
    };
    world.onSent = ({ process, method }) => {
      const run = this.runs.find(({ name }) => name === process);
      return () => {
        if (run && method === 'replaceLease') run.heard = this.#begun;
      };
    };
  }

  static async over(seed: Seed, schedule: Schedule, stored: readonly Loose[]): Promise<Race> {
    // Documents change here, and what they were before need not open any more.
    const world = await World.over({ ...seed, documents: [] }, schedule);
    world.clock.advance(1_000);
    const plain = seed.documents.map((each) => [String(each.plain['id']), each.plain] as const);
    const race = new Race(world, new Ledger(plain), schedule[0]);
    for (const document of stored) await race.documents.create(document);
    return race;
  }

  /** A writer of one field, whose last write counts. */
  write(name: string, field: string): void {
    const { encryptor } = this.world.process(name);
    const store = this.#storeOf(name) as never;
    this.world.act(name, async () => {
      for (const [nth, id] of [...BUSY, ...BUSY].entries()) {
        if (nth === BUSY.length) await this.world.pause(name, SECOND_ROUND);
        const change = { [field]: `${name} ${String(nth)}` };
        let looks = 0;
        this.ledger.begin(id, change);
        await encryptor.updateDocument(note, store, { ...KEY, id }, (stored) => {
          looks += 1;
          return stored && { ...stored, ...change };
        });
        this.retries += looks - 1;
        this.ledger.acknowledge(id, change);
        await this.world.pause(name, 'next document');
      }
    });
  }

  /** A process from before: it encrypts nothing, and makes a document of its own. */
  writePlain(name: string): void {
    const store = this.#storeOf(name);
    this.world.act(name, async () => {
      for (const [nth, id] of [...BUSY, 'note-new'].entries()) {
        const change = { ...KEY, id, tags: [name, String(nth)] };
        this.ledger.begin(id, change);
        while (!(await replaceOrCreate(store, change)));
        this.ledger.acknowledge(id, change);
        await this.world.pause(name, 'next document');
      }
    });
  }

  /** Everything that it finds was written by a process, unless the document was rewritten since. */
  read(mode: 'migrate' | 'strict'): void {
    const name = 'reader';
    const { product, keyProviders, dekStore, clock } = this.world.process(name).encryptor;
    const dekCache = new DekCache({ clock, maxEntries: 64 });
    const parts = { product, keyProviders, dekStore, dekCache, clock };
    const encryptor = createFieldEncryptor({ ...parts, mode });
    let sight = this.ledger.sightOf('');
    const store = this.#storeOf(name, ({ args: [key] }) => {
      sight = this.ledger.sightOf(String((key as Loose)['id']));
    });
    this.world.act(name, async () => {
      for (const id of [...IDS, ...IDS]) {
        const item = await store.get({ ...KEY, id });
        try {
          const seen = await decryptAny(encryptor, item?.document);
          this.ledger.requireSeen(id, sight, seen);
        } catch (error) {
          if (codeOf(error) !== 'DEK_SHREDDED') throw error;
          const now = await this.documents.get({ ...KEY, id });
          if (now?.etag === item?.etag) throw error;
        }
      }
    });
  }

  /** A migration that is driven to its end, or stops on the way. */
  migrate(name: string, start: Start, { ending, insists = false }: MigrateOptions = {}): Run {
    const run = new Run(name);
    this.runs.push(run);
    const { as, after = Infinity } = ending ?? {};
    const mortal = new Mortal({
      after: as === 'left' ? Infinity : after,
      counts: as === 'dead' ? 'calls' : 'writes',
      dies: as !== 'stuck',
    });
    run.mortal = mortal;
    const { product, keyProviders, dekStore, clock, fenceTtlMs } =
      this.world.process(name).encryptor;
    const encryption: Encryption = {
      product,
      clock,
      fenceTtlMs,
      keyProviders: keyProviders.map((each) => mortal.over(each)),
      dekStore: mortal.over(dekStore),
    };
    const store = mortal.over(
      this.#storeOf(name, (call) => {
        this.#sawMigration(run, call);
      }),
    );
    const { concurrency } = this.#plan;
    const options = { concurrency, owner: name, leaseTtlMs: LEASE_TTL_MS };
    const pull = async (): Promise<void> => {
      do await this.#pull(run, start(encryption, store, options), as === 'left' ? after : Infinity);
      while (insists && codeOf(run.error) === 'MIGRATION_UNDER_WAY');
    };
    this.world.act(name, async () => {
      const end = pull();
      await Promise.race([end, mortal.stop]);
      run.isOver = true;
      await requireAllRows(this.documents, this.world.watch.memory);
      if (as === 'stuck') await end;
    });
    return run;
  }

  /** Holds the writes that one run had on their way when it stopped, until the other has gone on. */
  holdLate(first: Run, second: Run, otherWrites: number): void {
    const until = (): boolean =>
      !first.mortal?.hasStopped ||
      (second.begun > 0 && second.writes >= otherWrites) ||
      second.summary !== undefined;
    for (const what of ['documents.replace sent', 'store.replace', 'store.create']) {
      this.world.holdCall({ process: first.name, what, nth: 'any' }, until);
    }
  }

  /**
   * Writers that begin their second round, and go by what they know of the DEKs, once the migration has
   * passed over all documents, or is over; and whose next write takes until it is over.
   */
  slowWriters(names: readonly string[], run: () => Run | undefined, isOver: boolean): void {
    const hasEnded = (): boolean => run()?.isOver ?? false;
    const hasPassed = (): boolean => (run()?.passes ?? 0) > 0;
    const rounds = names.map((process) => {
      const until = isOver ? hasEnded : hasPassed;
      const round = this.world.holdCall({ process, what: SECOND_ROUND }, until);
      const what = 'documents.replace sent';
      this.world.holdCall({ process, what, nth: 'any' }, () => !round.reached || hasEnded());
      return round;
    });
    this.world.holdStart('migrator', () => rounds.every(({ reached }) => reached));
    this.world.holdStart('rewrapper', hasEnded);
  }

  /** Until everybody is done. */
  async run(): Promise<void> {
    await this.world.run();
    if (this.#violation) throw this.#violation.error;
    await requireAllRows(this.documents, this.world.watch.memory);
  }

  async #pull(run: Run, migration: Migration, leaveAfter: number): Promise<void> {
    run.error = undefined;
    try {
      for (let pulled = 0; pulled < leaveAfter; pulled += 1) {
        const { done, value } = await migration.next();
        if (done) {
          run.summary = value;
          return;
        }
        this.#sawEvent(run, value);
        await this.world.pause(run.name, 'pull');
      }
    } catch (error) {
      run.error = error;
    }
  }

  /** Not in the way of the call, whose caller might take it for a failure of the store. */
  #check(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#violation ??= { error };
    });
  }

  get #begun(): number {
    return Math.max(...this.runs.map(({ begun }) => begun));
  }

  #sawEvent(run: Run, event: MigrationEvent): void {
    if (event.type === 'passed') run.passes += 1;
    if (event.type === 'failed') run.failures.push(event.error);
    // Where a DEK is shredded, the write of another does for the new etag.
    if (event.type !== 'changed' || event.shredded) return;
    const id = String(event.key['id']);
    ok(run.landed.delete(id), `${id} was reported as rewritten, and is not`);
  }

  #storeOf(
    name: string,
    onExecuted?: (call: DocumentCall) => Promise<void> | void,
  ): DocumentStore<Loose> {
    const { pageSize } = this.#plan;
    return inTurns(this.world, name, this.documents, {
      pageSize,
      onSent: (method) => {
        if (isWrite(method)) this.#requireMayWrite(name);
      },
      onExecuted: async (call) => {
        await onExecuted?.(call);
        const { method, args, error } = call;
        if (error !== undefined || !isWrite(method)) return;
        this.#check(requireRowsOf(args[0] as Loose, this.world.watch.memory));
        if (name === OLD_PROCESS) for (const run of this.runs) run.plainSinceScan += 1;
      },
    });
  }

  /** Once another has begun, no process writes that has not read the lease since. */
  #requireMayWrite(name: string): void {
    const run = this.runs.find((each) => each.name === name);
    if (!run || run.begun === 0 || run.begun === this.#begun || run.heard === this.#begun) return;
    const error = new Error(`${name} writes under a lease that is another's`);
    this.#violation ??= { error };
  }

  #sawMigration(run: Run, { method, args, error, value }: DocumentCall): void {
    if (method === 'count') run.plainSinceScan = 0;
    if (method === 'list' && (value as { continuation?: string }).continuation) run.pages += 1;
    if (!isWrite(method)) return;
    if (codeOf(error) === 'ETAG_MISMATCH') run.lostReplaces += 1;
    if (error === undefined) run.landed.add(String((args[0] as Loose)['id']));
    this.#sawWriteBy(run.name);
  }

  #sawRow({ subject, method, args: [row] }: Call): void {
    if (subject !== 'store' || !isWrite(method)) return;
    const { state } = row as { readonly state: string };
    if (state === 'shredded') this.#check(requireAllRows(this.documents, this.world.watch.memory));
  }

  /** A lease that was not released changes hands only after a whole period without a word. */
  #sawLease({ process, method, args: [lease] }: Call): void {
    if (method === 'getLease') return;
    const value = lease as Lease;
    const nowMs = this.world.clock.monotonicMs();
    const before = this.#lease;
    this.#lease = { value, writtenAtMs: nowMs };
    if (before?.value.owner === value.owner) return;
    const run = this.runs.find(({ name }) => name === process);
    if (run) run.begun = this.#begun + 1;
    if (!before) return;
    if (before.value.expiresAt === before.value.heartbeatAt) return;
    this.takeovers += 1;
    if (nowMs - before.writtenAtMs >= LEASE_TTL_MS) return;
    this.#violation ??= { error: new Error(`${value.owner} took a lease that was alive`) };
  }

  #sawWriteBy(name: string, method = 'replace'): void {
    const run = this.runs.find((each) => each.name === name);
    if (run) run.writes += 1;
    if (run && run.begun > 0 && this.runs.some(({ begun }) => begun > run.begun)) {
      run.lateWrites += 1;
      if (method === 'create') run.lateCreates += 1;
    }
  }
}

interface Lease {
  readonly owner: string;
  readonly heartbeatAt: string;
  readonly expiresAt: string;
}

const SECOND_ROUND = 'second round';

/** Encrypts nothing. */
export const OLD_PROCESS = 'old process';

/** False when someone else was faster. */
async function replaceOrCreate(store: DocumentStore<Loose>, change: Loose): Promise<boolean> {
  const item = await store.get(change);
  try {
    if (!item) await store.create(change);
    else await store.replace({ ...item.document, ...change }, item.etag);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ETAG_MISMATCH') return false;
    throw error;
  }
}
