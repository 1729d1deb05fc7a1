/** The shell of an operator: what one block sets, the next one finds. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Variables } from '../support/running-backend.js';

/**
 * Each block has a process of its own, so that it can be killed, and an exit ends no other. What it leaves is read by
 * the next one; variables of bash itself are not.
 */
const PRELUDE = `
set -euo pipefail
if [ -s "$E2E_STATE/variables" ]; then . "$E2E_STATE/variables"; cd "$(cat "$E2E_STATE/folder")"; fi
__leave() {
  __code=$?
  declare -p | grep -vE '^declare -[aA-Zi]*r' | grep -vE '^declare -[-a-zA-Z]+ (BASH|DIRSTACK|FUNCNAME|GROUPS|PIPESTATUS|RANDOM|SECONDS|SRANDOM|EPOCHSECONDS|EPOCHREALTIME|LINENO|COMP_|SHLVL|_=|__)' >"$E2E_STATE/next" || true
  declare -f >>"$E2E_STATE/next"
  mv "$E2E_STATE/next" "$E2E_STATE/variables"
  pwd >"$E2E_STATE/folder"
  exit "$__code"
}
trap __leave EXIT
`;

export interface Ran {
  /** 137 after SIGKILL. */
  readonly exitCode: number;
  /** Both outputs, in their order. */
  readonly printed: string;
}

export interface RunOptions {
  /** Kills the block with all that it has started. */
  readonly killed?: AbortSignal;
  readonly onFirstPrinted?: () => void;
}

export class OperatorShell {
  readonly #state: string = mkdtempSync(join(tmpdir(), 'field-encrypt-shell-'));
  readonly #env: Variables;
  readonly #folder: string;
  #extra: Variables = {};

  constructor(folder: string, env: Variables) {
    this.#folder = folder;
    this.#env = env;
  }

  /** For the blocks that come; what the blocks have set themselves stays. */
  export(variables: Variables): void {
    this.#extra = { ...this.#extra, ...variables };
  }

  async run(code: string, { killed, onFirstPrinted }: RunOptions = {}): Promise<Ran> {
    const exports = Object.entries(this.#extra).map(
      ([name, value]) => `export ${name}=${quoted(value)}`,
    );
    this.#extra = {};
    const script = join(this.#state, 'block.sh');
    writeFileSync(script, `${PRELUDE}${exports.join('\n')}\n${code}\n`);
    const child = spawn('bash', ['-c', 'exec bash "$0" 2>&1', script], {
      cwd: this.#folder,
      env: { ...this.#inherited(), E2E_STATE: this.#state },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const kill = (): void => {
      killGroup(child.pid);
    };
    killed?.addEventListener('abort', kill);
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (printed === '') onFirstPrinted?.();
      printed += text;
    });
    const [code_, signal] = (await once(child, 'close')) as [number | null, string | null];
    killed?.removeEventListener('abort', kill);
    return { exitCode: signal === null ? (code_ ?? -1) : 137, printed };
  }

  /** What a block has unset stays so: from the second one on, all of it is in what the one before left. */
  #inherited(): Variables {
    return existsSync(join(this.#state, 'variables'))
      ? { PATH: process.env['PATH'] ?? '' }
      : this.#env;
  }

  /** Of the session, as a block would find it. */
  async valueOf(name: string): Promise<string | undefined> {
    const { printed } = await this.run(`printf %s "\${${name}-}"`);
    return printed === '' ? undefined : printed;
  }

  /** Those that blocks have set so far, as far as they are on one line. */
  variables(): Variables {
    const file = join(this.#state, 'variables');
    if (!existsSync(file)) return {};
    const lines = readFileSync(file, 'utf8').matchAll(/^declare -[-x]+ (\w+)="(.*)"$/gm);
    return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
  }

  close(): void {
    rmSync(this.#state, { recursive: true, force: true });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
