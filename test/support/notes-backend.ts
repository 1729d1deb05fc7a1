/** The notes backend of the examples in this process, over SQLite in memory, with faults on demand. Needs `dist`. @module */
import {
  createFieldEncryptor,
  EnvKeyProvider,
  type DocumentStore,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import type { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import { injectFaults, type Fault } from '@bytelyst/field-encrypt/testing';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import { Telemetry } from '../../examples/notes-backend/src/diagnostics/telemetry.js';
import { readConfig, type Config } from '../../examples/notes-backend/src/lib/config.js';
import { Tokens, type Caller } from '../../examples/notes-backend/src/lib/tokens.js';
import { note, type StoredNote } from '../../examples/notes-backend/src/notes/note.js';
import { buildServer, type Server } from '../../examples/notes-backend/src/server.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed where it is JSON; otherwise the text. */
  readonly body: unknown;
  readonly text: string;
}

export interface NoteAnswer {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly tags: readonly string[];
  readonly pinned: boolean;
}

export interface ProblemAnswer {
  readonly type: string;
  readonly status: number;
  readonly code?: string;
  readonly [more: string]: unknown;
}

export interface ListAnswer {
  readonly entries: readonly {
    readonly id: string;
    readonly etag: string;
    readonly note?: NoteAnswer;
    readonly problem?: ProblemAnswer;
  }[];
  readonly continuation?: string;
}

export type LogLine = Readonly<Record<string, unknown>>;
export type Method = 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';

export interface CallOptions {
  /** `null` sends none. @default a token for the workspaces w1 and w2 */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string;
}

export interface BackendOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A file that another backend uses too. @default in memory */
  readonly file?: string;
  /** Measured, with what it has not yet sent. */
  readonly auditSink?: HttpAuditSink;
  /** The document store that requests use, in place of the one that it receives. */
  readonly notes?: (store: DocumentStore<StoredNote>) => DocumentStore<StoredNote>;
}

/** A machine that runs many tests at once is slow, and not overloaded. */
export const PATIENT: Readonly<Record<string, string>> = {
  NODE_ENV: 'test',
  MAX_EVENT_LOOP_DELAY_MS: '0',
  REQUEST_TIMEOUT_MS: '600000',
};

const ADA: Caller = { id: 'ada', workspaces: ['w1', 'w2'], roles: [] };

export class NotesBackend {
  /** While one is set, calls of that part have it. */
  readonly faults: Partial<Record<'deks' | 'notes' | 'vault', Fault | undefined>> = {};
  /** Lines of the log, parsed. */
  readonly log: LogLine[] = [];
  readonly config: Config;
  readonly tokens: Tokens;
  /** Without faults. */
  readonly stored: DocumentStore<StoredNote>;
  readonly encryptor: FieldEncryptor;
  /** Where the variables ask for one. */
  readonly telemetry: Telemetry | undefined;
  #server?: Server;
  #token = '';

  private constructor(options: BackendOptions) {
    this.config = readConfig({ ...PATIENT, DATABASE_FILE: ':memory:', ...options.env });
    this.tokens = new Tokens(this.config.tokens);
    this.telemetry = this.config.telemetry && new Telemetry(this.config.telemetry);
    const database = new Database(options.file ?? ':memory:');
    this.stored = new SqliteDocumentStore<StoredNote>(database, { table: 'notes', key: note.key });
    const dekStore = injectFaults(new SqliteDekStore(database), () => this.faults.deks);
    const key = String(this.config.encryption['FIELD_ENCRYPT_KEY']);
    const provider = injectFaults(new EnvKeyProvider({ key }), () => this.faults.vault);
    const mode = this.config.encryption['FIELD_ENCRYPT_MODE'] === 'migrate' ? 'migrate' : 'strict';
    this.encryptor = createFieldEncryptor({
      product: 'notelett',
      keyProviders: [provider],
      dekStore,
      mode,
    });
    onTestFinished(async () => {
      await this.#server?.app.close();
      await this.telemetry?.stop();
      database.close();
    });
  }

  static async start(options: BackendOptions = {}): Promise<NotesBackend> {
    const backend = new NotesBackend(options);
    const store = options.notes?.(backend.stored) ?? backend.stored;
    backend.#server = await buildServer({
      config: backend.config,
      encryptor: backend.encryptor,
      notes: injectFaults(store, () => backend.faults.notes),
      tokens: backend.tokens,
      telemetry: backend.telemetry,
      auditSink: options.auditSink,
      logSink: { write: (line) => backend.log.push(JSON.parse(line) as LogLine) },
    });
    backend.#token = await backend.tokenOf(ADA);
    return backend;
  }

  get server(): Server {
    if (!this.#server) throw new Error('It was not started');
    return this.#server;
  }

  /** Log lines of a level: 60 is `fatal`. */
  linesOf(level: number): readonly LogLine[] {
    return this.log.filter((line) => line['level'] === level);
  }

  tokenOf(caller: Partial<Caller>): Promise<string> {
    return this.tokens.sign({ ...ADA, ...caller }, 600);
  }

  async call(method: Method, url: string, options: CallOptions = {}): Promise<Answer> {
    const { token = this.#token, headers = {}, body } = options;
    const answer = await this.server.app.inject({
      method,
      url,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(typeof body === 'string' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: body }),
    });
    const isJson = String(answer.headers['content-type']).includes('json');
    const parsed: unknown = isJson ? answer.json() : answer.body;
    const answered = answer.headers as Record<string, string | undefined>;
    return { status: answer.statusCode, headers: answered, body: parsed, text: answer.body };
  }

  /** Creates a note in w1. @returns Its address, with the query, and its etag. */
  async create(content: object = {}): Promise<{ id: string; url: string; etag: string }> {
    const body = { title: 'Plans', body: 'Call the bank', ...content };
    const answer = await this.call('POST', '/api/notes?workspaceId=w1', { body });
    if (answer.status !== 201) throw new Error(`It was not created: ${answer.text}`);
    const { id } = answer.body as NoteAnswer;
    return { id, url: String(answer.headers['location']), etag: String(answer.headers['etag']) };
  }

  /** As after a restart: each note needs the vault again. */
  forgetKeys(): void {
    this.encryptor.dekCache.clear();
  }
}

/** The last part of a problem's type, and its status. */
export function problemIn({ body, status }: Answer): readonly [number, string] {
  const { type } = body as ProblemAnswer;
  return [status, type.replace('urn:notes-backend:problem:', '')];
}
