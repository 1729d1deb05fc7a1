/** A rotation by the packed command over the files of a notes backend that answers requests; also outside of tests. @module */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { NotesTraffic } from './notes-traffic.js';
import { installedBackend, RunningBackend, type Variables } from './running-backend.js';

const PRODUCT = 'notelett';
/** How often the rotation record is read. */
const LOOK_MS = 20;

/** `fencing` and `rewrapping` as the rotation record says. */
export type Phase = 'after' | 'before' | 'fencing' | 'rewrapping' | 'starting';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RowCounts {
  readonly old: number;
  readonly new: number;
}

export class RotationUnderTraffic {
  readonly traffic: NotesTraffic;
  readonly versions: { readonly old: string; readonly new: string };
  phase: Phase = 'before';
  readonly #keys: { readonly old: string; readonly new: string };
  readonly #file: string;
  readonly #database: Database.Database;
  readonly #token: { text: string } = { text: '' };
  #backend: RunningBackend;

  private constructor(parts: {
    readonly file: string;
    readonly seed: number;
    readonly keys: RotationUnderTraffic['versions'];
    readonly versions: RotationUnderTraffic['versions'];
  }) {
    this.#file = parts.file;
    this.#keys = parts.keys;
    this.versions = parts.versions;
    this.#database = new Database(this.#file);
    this.#backend = this.#newBackend(this.#bothKeys);
    this.traffic = new NotesTraffic({
      seed: parts.seed,
      phase: () => this.phase,
      request: (method, path, options) =>
        this.#backend.request(method, path, { token: this.#token.text, ...options }),
    });
  }

  /**
   * @param folder - For the files.
   * @param notes - Created by requests, under the old version, of which all processes have both keys.
   */
  static async start(folder: string, notes: number, seed: number): Promise<RotationUnderTraffic> {
    const keys = { old: newKey(), new: newKey() };
    const versions = { old: await versionOf(keys.old), new: await versionOf(keys.new) };
    const file = join(folder, 'notes.db');
    await beginUnder(keys.old, file);
    const world = new RotationUnderTraffic({ file, seed, keys, versions });
    await world.#listen();
    await world.traffic.fill(notes);
    return world;
  }

  get backend(): RunningBackend {
    return this.#backend;
  }

  /** @param flags - Of `rewrap-deks`, more than it needs. */
  async rotate(flags: readonly string[] = []): Promise<Outcome> {
    this.phase = 'starting';
    const watching = new AbortController();
    const watched = this.#watch(watching.signal);
    try {
      return await this.run([
        'rewrap-deks',
        '--yes',
        '--new-mek-version',
        this.versions.new,
        ...flags,
      ]);
    } finally {
      watching.abort();
      await watched;
      this.phase = 'after';
    }
  }

  /** Runs the command of the packed package, with the variables of the service. */
  async run(args: readonly string[]): Promise<Outcome> {
    const folder = installedBackend();
    const bin = join(
      folder,
      'node_modules/@bytelyst/field-encrypt/dist/command/encrypt-migrate.js',
    );
    const parameters = [bin, ...args, '--product', PRODUCT, '--json'];
    const child = spawn(process.execPath, parameters, {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...this.#bothKeys },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? -1, ...printed };
  }

  /** Of DEKs, without those that were shredded. */
  rowCounts(): RowCounts {
    const sql = `SELECT mek_version AS version, COUNT(*) AS total FROM dek_store
      WHERE mek_version IS NOT NULL AND type = 'dek' GROUP BY mek_version`;
    const rows = this.#database.prepare(sql).all() as { version: string; total: number }[];
    const totalOf = (version: string): number =>
      rows.find((row) => row.version === version)?.total ?? 0;
    return { old: totalOf(this.versions.old), new: totalOf(this.versions.new) };
  }

  /** Starts the service again, which then has the new key alone. */
  async restartWithoutOldKey(): Promise<void> {
    await this.stop();
    this.#backend = this.#newBackend({ FIELD_ENCRYPT_KEY: this.#keys.new });
    await this.#listen();
  }

  /** @throws where it does not stop as it should. */
  async stop(): Promise<void> {
    this.#backend.signal('SIGTERM');
    const end = await this.#backend.ended;
    if (end !== 0) throw new Error(`The backend ended with ${String(end)}`);
  }

  /** Also where something has failed. */
  close(): void {
    this.#backend.signal('SIGKILL');
    this.#database.close();
  }

  get #bothKeys(): Variables {
    const { old: previous, new: key } = this.#keys;
    return {
      DATABASE_FILE: this.#file,
      FIELD_ENCRYPT_KEY: key,
      FIELD_ENCRYPT_PREVIOUS_KEYS: previous,
    };
  }

  #newBackend(env: Variables): RunningBackend {
    return new RunningBackend({ DATABASE_FILE: this.#file, ...env });
  }

  async #listen(): Promise<void> {
    await this.#backend.untilListening();
    this.#token.text = await this.#backend.token();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const sql =
      "SELECT json_extract(item, '$.state') AS state FROM dek_store WHERE id = 'rotation'";
    const statement = this.#database.prepare(sql);
    while (!signal.aborted) {
      const { state } = statement.get() as { readonly state: string };
      if (state === 'fencing' || state === 'rewrapping') this.phase = state;
      await sleep(LOOK_MS);
    }
  }
}

/** The first key puts the shortest fence that there is into the rotation record. */
async function beginUnder(key: string, file: string): Promise<void> {
  const database = new Database(file);
  const note = defineDocument<{ workspaceId: string; id: string; title: string }>()({
    collection: 'notes',
    key: ['workspaceId', 'id'],
    fields: ['title'],
  });
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [new EnvKeyProvider({ key })],
    dekStore: new SqliteDekStore(database),
    fenceTtlMs: 1_000,
  });
  await encryptor.encryptDocument(note, { workspaceId: 'w0', id: 'first', title: '' });
  database.close();
}

function newKey(): string {
  return randomBytes(32).toString('base64url');
}

function versionOf(key: string): Promise<string> {
  return new EnvKeyProvider({ key }).currentVersion();
}
