/** Each recipe of `docs/definitions.md`, forwards and back, with the processes of two versions at once. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import {
  backfillDocuments,
  countPlaintext,
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  forgetPaths,
  systemClock,
  type AnyDefinition,
  type MigrationEvent,
} from '../../src/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../src/sqlite/index.js';
import { tableUnder } from '../support/docs-code.js';
import { perLane } from '../support/lane.js';
import { codeOf, ROLLOUTS, type Rollout, type Run, type Version } from './definition-rollouts.js';
import { ProcessPool, type Refusal, type VersionProcess } from './version-process.js';

const PROCESSES = 2;
const ROUNDS = perLane(1, 3);
/** After it nothing is sealed that the first version could not open. */
const UNSEALED = 'Take a field out of encryption';
const LIVE = perLane(['live-0'], ['live-0', 'live-1']);
/** Written once, so that only a run moves them. */
const STILL = ['still-0', 'still-1'];
const ALL = [...LIVE, ...STILL];
const FENCE_TTL_MS = 1_000;
/** The runs wait for writers of versions that have stopped long before. */
const FASTER = 50;
const clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * FASTER,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / FASTER, signal),
};

const pool = new ProcessPool();
afterAll(() => {
  pool.close();
});

function isRefusal(started: Refusal | VersionProcess): started is Refusal {
  return 'code' in started;
}

function isSealedIn({ fields, stages }: Version): boolean {
  return fields.length > 1 && !stages;
}

/** One file, and the processes of a product over it. */
class Product {
  readonly #folder = mkdtempSync(join(tmpdir(), 'definition-rollouts-'));
  readonly #parts = {
    file: join(this.#folder, 'notes.sqlite'),
    key: randomBytes(32).toString('base64'),
    fenceTtlMs: FENCE_TTL_MS,
  };
  readonly #handle = new Database(this.#parts.file);
  readonly #notes = new SqliteDocumentStore(this.#handle, {
    table: 'notes',
    key: ['workspaceId', 'id'],
  });
  readonly #rollout: Rollout;
  #running: VersionProcess[] = [];
  #writes = 0;
  /** A version that seals the field, with no neighbour that opens it, has begun. */
  #hasSealed = false;
  /** Since then, one has begun that may store in clear what was sealed. */
  #hasOpened = false;

  constructor(rollout: Rollout) {
    this.#rollout = rollout;
    onTestFinished(() => {
      this.#handle.close();
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  /** @returns What it said where it refused. */
  async start(version: number): Promise<Refusal | VersionProcess> {
    const { property, names = [property], shape, versions } = this.#rollout;
    const { property: own = property, ...definition } = versions[version] as Version;
    const isSealed = isSealedIn(versions[version] as Version);
    if (isSealed) this.#hasSealed = true;
    const isOpening = Object.values(definition.stages ?? {}).includes('opening');
    if (isOpening && this.#hasSealed) this.#hasOpened = true;
    const mark = isSealed ? 'secret' : 'clear';
    return pool.start({ ...this.#parts, definition, names, property: own, shape, mark });
  }

  async run(version: number): Promise<VersionProcess> {
    const started = await this.start(version);
    if (isRefusal(started)) throw new Error(`${started.code} ${started.message}`);
    return started;
  }

  /** The documents, written by a process of the first version. */
  async seed(): Promise<void> {
    const process = await this.run(0);
    await process.seed(ALL);
    this.#writes += ALL.length * 2;
    await process.stop();
    this.#running = await this.#both(0);
  }

  /** A process of the next version works beside all of the old one, and is withdrawn; those go on alone. */
  async tryCanary(next: number, current: number): Promise<void> {
    const canary = await this.run(next);
    await this.#work([...this.#running, canary]);
    await this.#work([canary]);
    await canary.stop();
    await this.#work(this.#running);
    const fresh = await this.run(current);
    await this.#work([fresh]);
    await fresh.stop();
  }

  /** Both versions at once; then the next alone, beside the runs that belong to it. */
  async goOn(next: number, runs: readonly Run[] = []): Promise<void> {
    const started = await this.#both(next);
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#work([...this.#running, ...started]);
    }
    await Promise.all(this.#running.map((process) => process.stop()));
    this.#running = started;
    for (const run of runs) {
      await Promise.all([this.#migrate(run, next), this.#work(this.#running)]);
    }
    await this.#work(this.#running);
    if (runs.length > 0) expect(await this.#left(next)).toEqual([]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((process) => process.stop()));
  }

  /** Every acknowledged write of a field was counted in its document. */
  async requireAllWrites(): Promise<void> {
    let counted = 0;
    for (const id of ALL) {
      const item = await this.#notes.get({ workspaceId: 'w1', id });
      const writes = item?.document['writes'] as Record<string, { readonly count: number }>;
      for (const { count } of Object.values(writes)) counted += count;
    }
    expect(counted).toBe(this.#writes);
  }

  /** What was written sealed is nowhere in the files, and nothing is in clear once all is sealed. */
  async requireHidden(version: number): Promise<void> {
    const files = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    const bytes = files.map((file) => readFileSync(file, 'latin1')).join('\n');
    // A failure must not print the files.
    expect(bytes.includes('secret:body:')).toBe(false);
    expect(bytes.includes('secret:subject:') && !this.#hasOpened).toBe(false);
    if (!isSealedIn(this.#rollout.versions[version] as Version)) return;
    const { items } = await this.#notes.list();
    expect(items).toHaveLength(ALL.length);
    expect(JSON.stringify(items)).not.toContain(':subject:');
  }

  async #both(version: number): Promise<VersionProcess[]> {
    return Promise.all(Array.from({ length: PROCESSES }, () => this.run(version)));
  }

  async #work(processes: readonly VersionProcess[]): Promise<void> {
    const documents = { live: LIVE, still: STILL };
    const outcomes = await Promise.all(processes.map((process) => process.work(documents)));
    expect(outcomes.flatMap(({ wrong }) => wrong)).toEqual([]);
    for (const { writes } of outcomes) this.#writes += writes;
  }

  /** What the paths on their way still have to lose. */
  async #left(version: number): Promise<readonly object[]> {
    const { paths = [] } = await countPlaintext(this.#definition(version), this.#notes);
    return paths.filter(({ stage, plain, sealed }) => (stage === 'sealing' ? plain : sealed) > 0);
  }

  #definition(version: number): AnyDefinition {
    const { fields, stages, former } = this.#rollout.versions[version] as Version;
    const shape = { fields, ...(stages && { stages }), ...(former && { former }) };
    const key = ['workspaceId', 'id'];
    return defineDocument()({ collection: 'notes', key, ...shape } as never);
  }

  async #migrate(run: Run, version: number): Promise<void> {
    const events: MigrationEvent[] = [];
    for await (const event of this.#started(run, version)) events.push(event);
    expect(events.filter(({ type }) => type === 'failed')).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'finished', summary: { complete: true } });
  }

  #started(run: Run, version: number): AsyncIterable<MigrationEvent> {
    const { file, key, fenceTtlMs } = this.#parts;
    const handle = new Database(file);
    onTestFinished(() => void handle.close());
    const encryptor = createFieldEncryptor({
      product: 'notelett',
      keyProviders: [new EnvKeyProvider({ key })],
      dekStore: new SqliteDekStore(handle),
      fenceTtlMs,
      clock,
    });
    const parts = [encryptor, this.#definition(version), this.#notes] as const;
    const options = { leaseTtlMs: 600_000 };
    if (run === 'forgetPaths') return forgetPaths(...parts, options);
    if (run === 'open') return backfillDocuments(...parts, { ...options, stage: 'opening' });
    const { names } = this.#rollout;
    const { property } = this.#rollout.versions[version] as Version;
    if (!names || property === undefined) return backfillDocuments(...parts, options);
    return backfillDocuments(...parts, {
      ...options,
      upgrade: (document) => renamed(document, names, property),
    });
  }
}

function renamed(
  document: Record<string, unknown>,
  names: readonly string[],
  property: string,
): Record<string, unknown> {
  const value = names.map((name) => document[name]).find((each) => each !== undefined);
  const rest = Object.entries(document).filter(([name]) => !names.includes(name));
  return { ...Object.fromEntries(rest), [property]: value };
}

/** The runs that a cell of a table names. */
function runsIn(cell: string): readonly Run[] {
  return [...cell.matchAll(/`(\w+)`(?: with `(\w+)[^`]*`)?/g)].map(([, run, option]) =>
    option === 'stage' ? 'open' : (run as Run),
  );
}

it.each(ROLLOUTS)('$recipe: is written down as it is tried here', (rollout) => {
  const rows = tableUnder('docs/definitions.md', rollout.recipe);
  expect(rows.map(([, , deployed]) => deployed)).toEqual(
    rollout.versions.map((version) => `\`${codeOf(version)}\``),
  );
  for (const [step, [, , , forwards = '', back = '']] of rows.entries()) {
    expect(runsIn(forwards)).toEqual(rollout.forwards[step] ?? []);
    expect(runsIn(back)).toEqual(rollout.back[step] ?? []);
  }
});

const TRIED = perLane(
  ROLLOUTS.filter(({ isReverse }) => !isReverse),
  ROLLOUTS,
);

it.each(TRIED)('$recipe: loses and shows nothing, forwards and back', async (rollout) => {
  const last = rollout.versions.length - 1;
  const product = new Product(rollout);
  await product.seed();
  const goTo = async (next: number, from: number, runs?: readonly Run[]): Promise<void> => {
    await product.tryCanary(next, from);
    await product.goOn(next, runs);
    await product.requireHidden(next);
  };
  for (let next = 1; next <= last; next += 1) await goTo(next, next - 1, rollout.forwards[next]);
  if (rollout.recipe !== UNSEALED) {
    expect(await product.start(0)).toMatchObject({ code: 'DEFINITION_MISMATCH' });
  }
  for (let next = last - 1; next >= 0; next -= 1) await goTo(next, next + 1, rollout.back[next]);
  await product.requireAllWrites();
  await product.stop();
});
