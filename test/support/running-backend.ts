/** The notes backend of the examples as a process, in a project with the packed package; also outside of tests. @module */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { readConfig } from '../../examples/notes-backend/src/lib/config.js';
import { readEnvironment } from '../../examples/notes-backend/src/lib/environment.js';
import { Tokens } from '../../examples/notes-backend/src/lib/tokens.js';
import { PackedProject } from './packed-project.js';

const EXAMPLE = join(import.meta.dirname, '../../examples/notes-backend');

/** A machine that runs many tests at once is slow, and not overloaded. */
const PATIENT = {
  PORT: '0',
  RATE_LIMIT_PER_MINUTE: '0',
  MAX_EVENT_LOOP_DELAY_MS: '0',
  REQUEST_TIMEOUT_MS: '600000',
  SHUTDOWN_TIMEOUT_MS: '600000',
};

const SOURCES = ['--import', 'tsx', 'src/main.ts'];

export type LogLine = Readonly<Record<string, unknown>>;
export type Variables = Readonly<Record<string, string>>;

let installed: PackedProject | undefined;

/** Once for each process of tests. @returns Its folder, which is removed when the process ends. */
export function installedBackend(): string {
  if (installed) return installed.folder;
  const manifest = manifestOfExample();
  const others = Object.keys(manifest.dependencies).filter(
    (name) => !name.startsWith('@bytelyst/'),
  );
  const project = new PackedProject(manifest, [...others, 'tsx']);
  process.once('exit', () => {
    project.remove();
  });
  for (const name of ['page', 'src']) {
    cpSync(join(EXAMPLE, name), join(project.folder, name), { recursive: true });
  }
  for (const name of ['encrypt-migrate.config.ts', 'tsconfig.json']) {
    cpSync(join(EXAMPLE, name), join(project.folder, name));
  }
  installed = project;
  return project.folder;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

function manifestOfExample(): Manifest {
  return JSON.parse(readFileSync(join(EXAMPLE, 'package.json'), 'utf8')) as Manifest;
}

/** Signed as a process with these variables would. */
export function tokenFor(
  workspaces: readonly string[],
  env: Variables,
  roles: readonly string[] = [],
): Promise<string> {
  const tokens = new Tokens(readConfig(readEnvironment(env)).tokens);
  return tokens.sign({ id: 'ada', workspaces, roles }, 3_600);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface RequestOptions {
  readonly token?: string;
  readonly headers?: Variables;
  readonly body?: object;
}

export interface ProgramOptions {
  /** @default the one that is installed for this process */
  readonly folder?: string;
  /** @default the sources */
  readonly program?: readonly string[];
}

export class RunningBackend {
  readonly log: LogLine[] = [];
  stderr = '';
  /** Its exit code, or the signal that it ended by. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #env: Variables;
  #address = '';

  /**
   * Does not wait until it listens.
   *
   * @param env - All variables that it has, but for the port.
   */
  constructor(
    env: Variables,
    { folder = installedBackend(), program = SOURCES }: ProgramOptions = {},
  ) {
    this.#env = env;
    this.#child = spawn(process.execPath, program, {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...PATIENT, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    createInterface(this.#child.stdout).on('line', (line) => {
      this.log.push(JSON.parse(line) as LogLine);
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) =>
      typeof code === 'number' ? code : String(signal),
    );
  }

  async untilListening(): Promise<void> {
    const { msg } = await this.untilLogged(/^Server listening at /);
    this.#address = String(msg).replace('Server listening at ', '');
  }

  get address(): string {
    return this.#address;
  }

  get pid(): number {
    return Number(this.#child.pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** @throws where it ends without having logged it. */
  async untilLogged(message: RegExp): Promise<LogLine> {
    const isOver = this.ended.then(() => true);
    for (;;) {
      const line = this.log.find(({ msg }) => message.test(String(msg)));
      if (line) return line;
      const soon = new Promise<false>((resolve) => setTimeout(resolve, 20, false));
      if (!(await Promise.race([isOver, soon]))) continue;
      throw new Error(`It ended without logging ${String(message)}: ${this.stderr}`);
    }
  }

  /** Signed as the process would. */
  token(workspaces: readonly string[] = ['w1'], env: Variables = this.#env): Promise<string> {
    return tokenFor(workspaces, env);
  }

  /** Rejects where there is no answer. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { token, headers = {}, body } = options;
    const response = await fetch(this.#address + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = text !== '';
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : undefined,
    };
  }
}
