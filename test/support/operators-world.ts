/** The notes backend over a SQLite file, listening, with the built command beside it, for tests of its page. Needs `dist`. @module */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFieldEncryptor, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import { createParser } from 'eventsource-parser';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import { readConfig, type Config } from '../../examples/notes-backend/src/lib/config.js';
import {
  initEncryption,
  type Encryption,
} from '../../examples/notes-backend/src/lib/field-encrypt.js';
import { Tokens, type Caller } from '../../examples/notes-backend/src/lib/tokens.js';
import { note, type StoredNote } from '../../examples/notes-backend/src/notes/note.js';
import type { OperatorUpdate } from '../../examples/notes-backend/src/ops/operator-session.js';
import { buildServer, type Server } from '../../examples/notes-backend/src/server.js';
import { PATIENT } from './notes-backend.js';
import { folderForTest } from './notes-backend-process.js';
import { secretWatch } from './secrets/secret-watch.js';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/notes-backend');
const COMMAND = join(ROOT, 'dist/command/encrypt-migrate.js');

/** The configuration with a key service that stops to answer after 150 rows. */
const STUCK = `
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvKeyProvider } from '@bytelyst/field-encrypt';
import config from './encrypt-migrate.config.js';

// The first one is a check before the rotation.
let answers = 151;

class StuckProvider extends EnvKeyProvider {
  async wrapKey(bytes, options) {
    answers -= 1;
    if (answers < 0) await sleep(600_000, undefined, { signal: options?.signal });
    return super.wrapKey(bytes, options);
  }
}

const { FIELD_ENCRYPT_KEY: key, FIELD_ENCRYPT_PREVIOUS_KEYS: previous } = process.env;
const provider = new StuckProvider({ key, previousKeys: [previous] });
const { notelett } = config.products;
export default { ...config, products: { notelett: { ...notelett, providers: [provider] } } };
`;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ReceivedUpdate extends OperatorUpdate {
  readonly id: string;
}

export class OperatorsWorld {
  readonly folder: string = folderForTest();
  readonly keys = { old: newKey(), new: newKey() };
  readonly versions = { old: '', new: '' };
  /** Lines of the log, as text. */
  readonly log: string[] = [];
  readonly config: Config;
  readonly tokens: Tokens;
  readonly ids: readonly string[];
  address = '';
  #server?: Server;
  #encryption?: Encryption;

  private constructor(notes: number) {
    this.config = readConfig({
      ...PATIENT,
      ...this.#env,
      READINESS_CACHE_MS: '0',
      RATE_LIMIT_PER_MINUTE: '0',
    });
    this.tokens = new Tokens(this.config.tokens);
    this.ids = Array.from({ length: notes }, (_, at) => `n${String(at)}`);
  }

  /** @param notes - Sealed under the old version, of which all processes have both keys. */
  static async start({ notes = 3 }: { readonly notes?: number } = {}): Promise<OperatorsWorld> {
    const world = new OperatorsWorld(notes);
    await world.#seed();
    world.#encryption = await initEncryption(world.config);
    await world.#listen(0);
    onTestFinished(async () => {
      await world.#server?.app.close();
      await world.#encryption?.close();
    });
    return world;
  }

  get auditFile(): string {
    return this.#env.AUDIT_FILE;
  }

  /** At the same address, with the same keys in memory. */
  async restart(): Promise<void> {
    await this.server.app.close();
    await this.#listen(Number(new URL(this.address).port));
  }

  get server(): Server {
    if (!this.#server) throw new Error('It was not started');
    return this.#server;
  }

  get encryption(): Encryption {
    if (!this.#encryption) throw new Error('It was not started');
    return this.#encryption;
  }

  token(caller: Partial<Caller> = {}): Promise<string> {
    return this.tokens.sign(
      { id: 'olga', workspaces: ['w1'], roles: ['operator'], ...caller },
      600,
    );
  }

  get(path: string, token?: string, headers: Readonly<Record<string, string>> = {}) {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return fetch(this.address + path, { headers: { ...authorization, ...headers } });
  }

  /** Reads every note by HTTP. */
  async readAll(): Promise<void> {
    const token = await this.token();
    for (const id of this.ids) {
      const { status } = await this.get(`/api/notes/${id}?workspaceId=w1`, token);
      if (status !== 200) throw new Error(`It was not read: ${String(status)}`);
    }
  }

  /** The events of one watcher, until the caller stops; all of its text is searched for secrets in the end. */
  async *updates(lastEventId?: string, token?: string): AsyncGenerator<ReceivedUpdate> {
    const ending = new AbortController();
    const response = await fetch(`${this.address}/ops/events`, {
      headers: {
        authorization: `Bearer ${token ?? (await this.token())}`,
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
      signal: ending.signal,
    });
    if (response.status !== 200) throw new Error(`It answers ${String(response.status)}`);
    const received: ReceivedUpdate[] = [];
    const parser = createParser({
      onEvent: ({ id = '', data }) => {
        secretWatch.emitted.addText('the stream of operators', data);
        received.push({ id, ...(JSON.parse(data) as OperatorUpdate) });
      },
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (;;) {
        const { done = true, value = '' } = (await reader?.read()) ?? {};
        if (done) return;
        parser.feed(value);
        yield* received.splice(0);
      }
    } finally {
      ending.abort();
    }
  }

  /** As when another process drops the table. */
  dropRows(): void {
    const database = new Database(this.#env.DATABASE_FILE);
    database.exec('DROP TABLE dek_store');
    database.close();
  }

  /** The first update of which that is true. */
  async updateWhere(isMeant: (update: ReceivedUpdate) => boolean): Promise<ReceivedUpdate> {
    for await (const update of this.updates()) if (isMeant(update)) return update;
    throw new Error('The stream ended before');
  }

  /**
   * Runs a command as the page prints it.
   *
   * @param until - It is then interrupted, as by Ctrl+C.
   */
  async run(command: string, until?: Promise<unknown>): Promise<Outcome> {
    const line = command.replace(/^npx encrypt-migrate/, `'${process.execPath}' '${COMMAND}'`);
    const child = spawn('sh', ['-c', `exec ${line}`], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], NO_COLOR: '1', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
    const interrupt = (): boolean => child.kill('SIGINT');
    void until?.then(interrupt, interrupt);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? -1, ...printed };
  }

  async #listen(port: number): Promise<void> {
    const { tokens, config } = this;
    const logSink = { write: (line: string) => this.log.push(line) };
    this.#server = await buildServer({ config, tokens, logSink, ...this.encryption });
    this.address = await this.#server.app.listen({ host: '127.0.0.1', port });
  }

  get #env() {
    return {
      DATABASE_FILE: join(this.folder, 'notes.db'),
      AUDIT_FILE: join(this.folder, 'audit.jsonl'),
      FIELD_ENCRYPT_KEY: this.keys.new,
      FIELD_ENCRYPT_PREVIOUS_KEYS: this.keys.old,
    };
  }

  async #seed(): Promise<void> {
    const [provider, next] = [this.keys.old, this.keys.new].map(
      (key) => new EnvKeyProvider({ key }),
    ) as [EnvKeyProvider, EnvKeyProvider];
    this.versions.old = await provider.currentVersion();
    this.versions.new = await next.currentVersion();
    for (const name of ['src', 'encrypt-migrate.config.ts']) {
      cpSync(join(EXAMPLE, name), join(this.folder, name), { recursive: true });
    }
    writeFileSync(join(this.folder, 'stuck.config.ts'), STUCK);
    const modules = join(this.folder, 'node_modules');
    mkdirSync(join(modules, '@bytelyst'), { recursive: true });
    symlinkSync(ROOT, join(modules, '@bytelyst/field-encrypt'));
    symlinkSync(join(ROOT, 'node_modules/libsql'), join(modules, 'libsql'));

    const database = new Database(this.#env.DATABASE_FILE);
    const dekStore = new SqliteDekStore(database);
    // The shortest fence that there is, which the first key puts into the rotation record.
    const encryptor = createFieldEncryptor({
      product: 'notelett',
      keyProviders: [provider],
      dekStore,
      fenceTtlMs: 1_000,
    });
    const store = new SqliteDocumentStore<StoredNote>(database, { table: 'notes', key: note.key });
    const now = new Date().toISOString();
    for (const id of this.ids) {
      const plain = {
        workspaceId: 'w1',
        id,
        title: `Title of ${id}`,
        body: `A secret body of ${id}`,
        tags: ['private'],
        pinned: false,
        createdBy: 'ada',
        createdAt: now,
        updatedAt: now,
      };
      await store.create(await encryptor.encryptDocument(note, plain));
    }
    database.close();
  }
}

function newKey(): string {
  return randomBytes(32).toString('base64url');
}
