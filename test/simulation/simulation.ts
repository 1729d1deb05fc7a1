import { fail, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type {
  DekCache,
  DekStore,
  DocumentStore,
  FieldEncryptor,
  FieldEncryptorOptions,
  KeyProvider,
} from '../../src/index.js';
import { PRODUCT } from '../support/encryptor.js';
import { PAIR } from '../support/recovery-pairs.js';
import type { MekName } from '../support/rotation/meks.js';
import type { Tally } from '../support/rotation/tally.js';
import { DocumentChecks } from './document-checks.js';
import { Explanations } from './explanations.js';
import { FakeDekStore } from './fake-dek-store.js';
import { FakeDocumentStore } from './fake-document-store.js';
import { FakeVault } from './fake-vault.js';
import type { SimDocument } from './ledger.js';
import type { Library } from './library.js';
import { ProcessClock } from './process-clock.js';
import { Random } from './random.js';
import { RowChecks } from './row-checks.js';
import { Secrecy } from './secrecy.js';
import { SimProcess, type Role } from './sim-process.js';
import { Timeline } from './timeline.js';
import { TrailChecks } from './trail-checks.js';
import { weatherOf, type Weather } from './weather.js';
import { Steps } from './steps.js';
import { forEver, Wire } from './wire.js';

/** Something that goes on beside the others, and begins again after a crash. */
export interface Actor {
  readonly name: string;
  readonly role: Role;
  readonly act: (life: Life) => Promise<void>;
}

/** What an actor has until it dies. */
export interface Life {
  readonly sim: Simulation;
  readonly process: SimProcess;
  readonly encryptor: FieldEncryptor;
  readonly options: FieldEncryptorOptions;
  readonly documents: DocumentStore<SimDocument>;
}

interface Part {
  readonly actor: Actor;
  life: Life | undefined;
  lives: number;
  isOver: boolean;
}

/** An attacker who can only write the database does not have it. */
export const RECORD_KEY = '62CM+yeoZqvNfpP572LDHmj9Eb+MdHm4zJBBKjpYkiM=';

const MOST_STEPS = 60_000;

/** One seed: processes over one vault and one database, of which one at a time takes one step. */
export class Simulation {
  readonly library: Library;
  readonly random: Random;
  readonly weather: Weather;
  readonly timeline = new Timeline();
  readonly vault: FakeVault;
  readonly dekStore: FakeDekStore;
  readonly documents: FakeDocumentStore;
  readonly rows: RowChecks;
  readonly documentChecks: DocumentChecks;
  readonly explanations: Explanations;
  readonly secrecy = new Secrecy();
  readonly trail = new TrailChecks();
  readonly wire: Wire;
  readonly steps: Steps;
  readonly tally: Tally;
  readonly definition: ReturnType<typeof defineNote>;
  /** Tombstones that were asked for by name. */
  readonly erased = new Set<string>();
  /** Where the operator wants the rows to be. */
  wanted: MekName = 'a';
  /** MEK versions that no row needed any more when they were disabled, and when. */
  readonly outOfUse = new Map<string, number>();
  /** No process restarts before it is over. */
  isHalted = false;
  readonly #parts: Part[] = [];
  readonly #processes: SimProcess[] = [];
  readonly #caches: DekCache[] = [];
  #revs = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(seed: number, library: Library, tally: Tally) {
    this.library = library;
    this.tally = tally;
    this.random = new Random(seed);
    this.weather = weatherOf(this.random);
    this.definition = defineNote(library);
    const { random, weather, timeline } = this;
    const parts = { library, timeline, random, weather };
    this.vault = new FakeVault(parts, weather.vaultLagMs);
    this.dekStore = new FakeDekStore(parts);
    this.documents = new FakeDocumentStore(parts);
    this.rows = new RowChecks(this.dekStore, timeline, weather.lagMs);
    this.documentChecks = new DocumentChecks(
      (dekId) => this.dekStore.row(dekId),
      (dekId) => this.erased.has(dekId),
    );
    this.explanations = new Explanations(this);
    this.steps = new Steps(this);
    this.wire = new Wire(parts, this.steps);
  }

  /** Everything that happened, without a key or a nonce: equal for equal seeds. */
  get digest(): string {
    return createHash('sha256').update(this.steps.log.join('\n')).digest('hex');
  }

  nextRev(): number {
    this.#revs += 1;
    return this.#revs;
  }

  /** The first violation; the process that finds one continues, and the run ends after this step. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  enter(actor: Actor): void {
    const part = { actor, life: undefined, lives: 0, isOver: false };
    this.#parts.push(part);
    this.#begin(part);
  }

  /** Until everybody who entered is done. */
  async run(): Promise<void> {
    while (this.#parts.some(({ isOver }) => !isOver)) {
      const hasStepped = await this.timeline.step();
      if (this.#failure) throw this.#failure.error;
      ok(this.timeline.steps < MOST_STEPS, 'I10: it never ends');
      if (!hasStepped) fail(`I10: waiting forever: ${this.#unfinished()}`);
    }
  }

  /** Nothing more happens. The timers of caches last for minutes, and must not hold whole worlds. */
  end(): void {
    this.timeline.end();
    this.wire.end();
    for (const cache of this.#caches.splice(0)) cache.clear();
  }

  /** What is left of a run that went wrong, for people. */
  report(message: string): string {
    const dekIds = new Set(message.match(/[0-9a-f]{32}\.\d+/g) ?? []);
    const histories = [...dekIds].flatMap((dekId) => [
      `history of ${dekId}:`,
      ...this.rows.historyOf(dekId).map((line) => `  ${line}`),
    ]);
    return [JSON.stringify(this.weather), ...histories].join('\n');
  }

  /** Its process ends here; the actor goes on later with another. */
  kill(process: SimProcess): void {
    process.isAlive = false;
    const part = this.#parts.find(({ life }) => life?.process === process);
    if (!part || part.isOver) return;
    part.life = undefined;
    this.steps.write(process, 'crashed');
    this.timeline.after(this.random.int(50, 2_000), () => {
      this.#begin(part);
    });
  }

  /** Everybody but the operator, with whatever is on its way, of those that ended before as well. */
  stopAll(): void {
    for (const process of this.mortals) this.kill(process);
    for (const process of this.#processes) process.isCutOff ||= process.role !== 'operator';
  }

  /** Processes that a crash may hit. */
  get mortals(): readonly SimProcess[] {
    const running = this.#parts.flatMap(({ life }) => life?.process ?? []);
    return running.filter(({ role }) => role !== 'operator' && role !== 'judge');
  }

  /** A separate process, which is never killed. */
  spawn(name: string, role: Role, options: Partial<FieldEncryptorOptions> = {}): Life {
    const { library, timeline, random, weather, wire } = this;
    const skewMs = role === 'judge' ? 0 : random.int(-weather.skewMs, weather.skewMs);
    const clock = new ProcessClock(timeline, random, skewMs);
    const process = new SimProcess(name, role, clock);
    this.#processes.push(process);
    const dekCache: DekCache = new library.DekCache({
      clock,
      maxEntries: 64,
      ttlMs: weather.cacheTtlMs,
    });
    this.#caches.push(dekCache);
    const all: FieldEncryptorOptions = {
      product: PRODUCT,
      keyProviders: [wire.stub(process, 'provider', this.vault) as KeyProvider],
      dekStore: wire.stub(process, 'store', this.dekStore) as DekStore,
      dekCache,
      fenceTtlMs: random.pick(weather.fencesMs),
      minimumEpoch: this.#pinnedEpoch(role),
      audit: { sink: this.trail.sinkOf(process) },
      clock,
      ...(weather.hasRecordKey && { recordKey: RECORD_KEY }),
      ...(random.chance(weather.recoveryRate) && { recoveryKey: PAIR.publicKey }),
      ...options,
    };
    const documents = wire.stub(process, 'documents', this.documents);
    return {
      sim: this,
      process,
      encryptor: library.createFieldEncryptor(all),
      options: all,
      documents: documents as DocumentStore<SimDocument>,
    };
  }

  /** Some processes are deployed with the epoch that is known at that time. */
  #pinnedEpoch(role: Role): number {
    const { random, weather, dekStore } = this;
    const isPinned = role !== 'judge' && random.chance(weather.pinRate);
    return isPinned ? (dekStore.record?.epoch ?? 1) : 1;
  }

  #begin(part: Part): void {
    if (this.isHalted) {
      this.timeline.after(100, () => {
        this.#begin(part);
      });
      return;
    }
    part.lives += 1;
    const { name, role, act } = part.actor;
    const life = this.spawn(`${name}.${String(part.lives)}`, role);
    part.life = life;
    act(life).then(
      () => {
        part.isOver = true;
        part.life = undefined;
      },
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  #unfinished(): string {
    return this.#parts.flatMap(({ isOver, actor }) => (isOver ? [] : actor.name)).join(', ');
  }

  /** For behaviours: waits, and does not come back from the dead. */
  async pause({ process }: Life, leastMs: number, mostMs: number): Promise<void> {
    await process.clock.sleep(this.wire.isCalm ? 1 : this.random.int(leastMs, mostMs));
    if (!process.isAlive) await forEver();
  }
}

export function defineNote({ defineDocument }: Library) {
  return defineDocument<SimNote>()({
    collection: 'notes',
    key: ['workspaceId', 'id'],
    fields: ['title', 'body'],
  });
}

interface SimNote {
  workspaceId: string;
  id: string;
  title: string;
  body: string;
  revs: { readonly title: number; readonly body: number };
}
