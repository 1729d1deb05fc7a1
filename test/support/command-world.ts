/** A product in SQLite files and env keys, and the built command as a child process over it. Needs `dist`. @module */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  registerDefinitions,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import {
  operationProblems,
  problemsIn,
  TRAIL_FILE,
  trailIn,
  trailTexts,
  type TrailEvent,
} from './command-trail.js';
import { isSlow } from './lane.js';
import { PackedProject } from './packed-project.js';
import { secretWatch } from './secrets/secret-watch.js';

const ROOT = join(import.meta.dirname, '../..');
/** What the command needs beside its own package. */
const PACKAGES = ['libsql', 'tsx', '@azure/cosmos', '@azure/identity', '@azure/keyvault-keys'];

interface Installation {
  /** A folder `node_modules`. */
  readonly modules: string;
  readonly bin: string;
}

let packed: Installation | undefined;

/** The build; in the slow lane the package as `npm pack` makes it, installed in a project. */
function installation(isPacked: boolean): Installation {
  const modules = join(ROOT, 'node_modules');
  if (!isPacked) return { modules, bin: join(ROOT, 'dist/command/encrypt-migrate.js') };
  packed ??= packedInstallation();
  return packed;
}

function packedInstallation(): Installation {
  const project = new PackedProject({}, PACKAGES);
  process.once('exit', () => {
    project.remove();
  });
  const modules = join(project.folder, 'node_modules');
  const bin = join(modules, '@bytelyst/field-encrypt/dist/command/encrypt-migrate.js');
  return { modules, bin };
}

export const PRODUCT = 'notelett';

export interface Note {
  workspaceId: string;
  id: string;
  title: string;
  body: string;
  tags: string[];
}

/** What the configuration declares for the collection `notes`, too. */
export const noteDefinition = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body', 'tags[]'],
});

export function noteOf(number: number): Note {
  const id = `n${String(number)}`;
  return {
    workspaceId: 'w1',
    id,
    title: `Note ${id}`,
    body: `the private body of ${id}`,
    tags: ['a', id],
  };
}

export interface CommandOutcome {
  /** -1 after a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

export interface StartOptions {
  /** On top of the keys of the world; `undefined` removes one. */
  readonly env?: Variables;
  readonly input?: string;
}

export interface StartedCommand {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<CommandOutcome>;
  /** What was printed so far. */
  readonly printed: { stdout: string; stderr: string };
}

export interface WorldOptions {
  /** Sealed under the old MEK version. */
  readonly notes?: number;
  /** Stored in clear, numbered after the sealed ones. */
  readonly plainNotes?: number;
  /** @default 1000, the least that is allowed */
  readonly fenceTtlMs?: number;
  /** Changes the configuration before it is written. */
  readonly config?: (config: WorldConfig) => object;
  /** Whether the command is that of the packed package. @default in the slow lane */
  readonly isPacked?: boolean;
}

export type WorldConfig = ReturnType<typeof configOf>;

function configOf(fenceTtlMs: number) {
  return {
    products: {
      [PRODUCT]: {
        providers: [
          { type: 'env', key: { env: 'NOTES_KEY' }, previousKeys: { env: 'NOTES_PREVIOUS_KEYS' } },
        ],
        dekStore: { type: 'sqlite', file: 'deks.sqlite', driver: 'libsql' },
        fenceTtlMs,
        collections: {
          notes: {
            definition: { key: ['workspaceId', 'id'], fields: ['body', 'tags[]'] },
            documentStore: {
              type: 'sqlite',
              file: 'notes.sqlite',
              table: 'notes',
              driver: 'libsql',
            },
          },
        },
      },
    },
  };
}

interface KeyPair {
  readonly old: string;
  readonly new: string;
}

/** Everything is in one folder, which is removed in the end. */
export class CommandWorld implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'encrypt-migrate-'));
  /** MEKs, as hex: the rotation of a test goes from the old to the new one. */
  readonly keys: KeyPair = { old: newKey(), new: newKey() };
  readonly versions: KeyPair;
  /** What the command finds in its environment. */
  readonly env: Variables = {
    NOTES_KEY: this.keys.new,
    NOTES_PREVIOUS_KEYS: this.keys.old,
  };
  readonly dekStore: SqliteDekStore;
  readonly notes: SqliteDocumentStore<Note>;
  /** The executable. */
  readonly bin: string;
  readonly #databases: readonly Database.Database[];
  readonly #reports = new Set<string>();
  /** A process that is killed, or stopped at once, leaves starts without an end; the next command follows them. */
  mayLeaveStarts = false;

  private constructor(versions: KeyPair, { modules, bin }: Installation) {
    this.versions = versions;
    this.bin = bin;
    symlinkSync(modules, join(this.folder, 'node_modules'));
    const [deks, notes] = [this.#database('deks.sqlite'), this.#database('notes.sqlite')];
    this.#databases = [deks, notes];
    this.dekStore = new SqliteDekStore(deks);
    const { key } = noteDefinition;
    this.notes = new SqliteDocumentStore<Note>(notes, { table: 'notes', key });
  }

  static async make(options: WorldOptions = {}): Promise<CommandWorld> {
    const { notes = 0, plainNotes = 0, fenceTtlMs = 1_000, config, isPacked = isSlow } = options;
    const world = new CommandWorld({ old: '', new: '' }, installation(isPacked));
    const [before, after] = [world.keys.old, world.keys.new];
    Object.assign(world.versions, { old: await versionOf(before), new: await versionOf(after) });
    const written = configOf(fenceTtlMs);
    const changed = {
      audit: { type: 'file', file: TRAIL_FILE },
      ...(config?.(written) ?? written),
    };
    world.write('encrypt-migrate.config.json', JSON.stringify(changed));
    // Both tables exist, whatever is in them.
    await world.dekStore.count({ product: PRODUCT });
    await world.notes.list({ pageSize: 1 });
    await world.seed(notes, fenceTtlMs);
    for (let at = notes; at < notes + plainNotes; at += 1) await world.notes.create(noteOf(at));
    return world;
  }

  /** Of an application with the old key alone. */
  encryptor(fenceTtlMs = 1_000): FieldEncryptor {
    return this.encryptorWith(new EnvKeyProvider({ key: this.keys.old }), fenceTtlMs);
  }

  encryptorWith(provider: EnvKeyProvider, fenceTtlMs = 1_000): FieldEncryptor {
    const { dekStore } = this;
    return createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [provider],
      dekStore,
      fenceTtlMs,
    });
  }

  /** The keys of the command: reads what either key sealed. */
  reader(): FieldEncryptor {
    const { old: previous, new: key } = this.keys;
    return this.encryptorWith(new EnvKeyProvider({ key, previousKeys: [previous] }));
  }

  /** Every note, opened by a reader with the key of the command. */
  async readNotes(): Promise<readonly Note[]> {
    const reader = this.reader();
    const found: Note[] = [];
    let continuation: string | undefined;
    do {
      const page = await this.notes.list({
        pageSize: 1_000,
        ...(continuation && { continuation }),
      });
      for (const { document } of page.items) {
        found.push(await reader.decryptDocument(noteDefinition, document as never));
      }
      ({ continuation } = page);
    } while (continuation !== undefined);
    return found;
  }

  /** The raw rows of the product, tombstones included. */
  async rows(): Promise<readonly Record<string, unknown>[]> {
    const found: Record<string, unknown>[] = [];
    let continuation: string | undefined;
    do {
      const options = { pageSize: 10_000, ...(continuation !== undefined && { continuation }) };
      const page = await this.dekStore.list({ product: PRODUCT }, options);
      found.push(...page.items.map(({ value }) => value as Record<string, unknown>));
      ({ continuation } = page);
    } while (continuation !== undefined);
    return found;
  }

  /** @returns Its path. */
  write(name: string, content: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, content);
    return file;
  }

  /** Runs the built command in the folder. @throws Where a key is in what it prints. */
  run(args: readonly string[], options: StartOptions = {}): Promise<CommandOutcome> {
    return this.start(args, options).ended;
  }

  start(args: readonly string[], { env = {}, input = '' }: StartOptions = {}): StartedCommand {
    const variables = { PATH: process.env['PATH'], ...this.env, ...env };
    this.#noteReports(args);
    const child = spawn(process.execPath, [this.bin, ...args], {
      cwd: this.folder,
      env: variables,
    });
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (part: Buffer) => (printed[name] += part.toString()));
    }
    child.stdin.on('error', () => undefined).end(input);
    const ended = (async (): Promise<CommandOutcome> => {
      const [stdout, stderr, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      this.watchOutput(args, stdout, stderr);
      return { code: code ?? -1, stdout, stderr };
    })();
    const kill = (signal: NodeJS.Signals): void => {
      this.mayLeaveStarts = true;
      child.kill(signal);
    };
    return { kill, ended, printed };
  }

  /** What the command recorded in its file, so far. */
  trail(): readonly TrailEvent[] {
    return trailIn(this.folder);
  }

  /** Looks for secrets in what a command printed. One that prints a new key has none of this world. */
  watchOutput(args: readonly string[], ...output: readonly string[]): void {
    const [mode = ''] = args;
    this.requireNoKey(output.join(''));
    if (mode === 'key') return;
    for (const text of output) secretWatch.emitted.addText(`the output of ${mode}`, text);
  }

  requireNoKey(output: string): void {
    for (const key of [this.keys.old, this.keys.new]) {
      const forms = [key, Buffer.from(key, 'hex').toString('base64')];
      if (forms.some((form) => output.includes(form))) throw new Error('A key was printed');
    }
  }

  close(): void {
    for (const each of this.#databases) each.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @throws Where the trail is not whole, or a secret is in it, in its spool or in a report. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#watchFiles();
      const trail = this.trail();
      const problems = problemsIn(trail).filter(
        (each) => !(this.mayLeaveStarts && operationProblems(trail).includes(each)),
      );
      if (problems.length > 0) throw new Error(`The trail is not whole: ${problems.join('; ')}`);
    } finally {
      this.close();
    }
  }

  async #watchFiles(): Promise<void> {
    for (const row of await this.rows()) addWraps(row);
    const reports = [...this.#reports].filter((file) => existsSync(file));
    const texts = new Map(reports.map((file) => [file, readFileSync(file, 'utf8')]));
    for (const [file, text] of [...trailTexts(this.folder), ...texts])
      secretWatch.emitted.addText(file, text);
  }

  #noteReports(args: readonly string[]): void {
    for (const [at, word] of args.entries()) {
      const file = args[at + 1];
      if (word === '--report' && file !== undefined) this.#reports.add(join(this.folder, file));
    }
  }

  /** Seals the first notes as the application does. */
  async seed(notes: number, fenceTtlMs = 1_000): Promise<void> {
    if (notes === 0) return;
    const encryptor = this.encryptor(fenceTtlMs);
    await registerDefinitions(encryptor, [noteDefinition]);
    const store = this.notes as unknown as DocumentStore;
    for (let at = 0; at < notes; at += 1) {
      await store.create(await encryptor.encryptDocument(noteDefinition, noteOf(at)));
    }
  }

  #database(name: string): Database.Database {
    return new Database(join(this.folder, name));
  }
}

/** Wraps that another process made. */
function addWraps(row: Readonly<Record<string, unknown>>): void {
  const wraps = [row, row['previousWrap'], row['recoveryWrap']] as (
    Readonly<Record<string, unknown>> | undefined
  )[];
  for (const wrap of wraps) {
    const bytes = wrap?.['wrappedDek'];
    if (typeof bytes === 'string') secretWatch.secrets.addBytes(Buffer.from(bytes, 'base64url'));
  }
}

function newKey(): string {
  return randomBytes(32).toString('hex');
}

function versionOf(key: string): Promise<string> {
  return new EnvKeyProvider({ key }).currentVersion();
}
