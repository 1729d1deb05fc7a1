import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { environmentOfNoKeys } from '../environment-of-no-keys.js';

const PATIENCE_MS = 30_000;

/** A script of this folder in a process of its own, talked to line by line. */
export class ScriptProcess {
  readonly #name: string;
  readonly #ended = new AbortController();
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, parameters: readonly string[], env: NodeJS.ProcessEnv) {
    this.#name = name;
    const script = fileURLToPath(new URL(name, import.meta.url));
    this.#child = spawn(process.execPath, ['--import', 'tsx', script, ...parameters], {
      env: { ...environmentOfNoKeys(), ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.once('error', (error) => {
      this.#ended.abort(error);
    });
    this.#child.once('exit', (code, signal) => {
      this.#end(`ended too early: ${signal ?? `exit code ${String(code)}`}`);
    });
    // Writing to a process that has ended fails here; what matters is that it ended.
    this.#child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    // Before the exit handler that removes the folder which it works in.
    process.prependOnceListener('exit', () => this.#child.kill('SIGKILL'));
  }

  /** Aborts when the process ends, with an error that says how. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  say(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Tells the process that nothing more will be said. */
  hangUp(): void {
    this.#child.stdin.end();
  }

  /** @throws where the process ends instead, or is silent for too long. */
  async nextLine(): Promise<string> {
    const impatience = setTimeout(() => {
      this.#end(`was silent for ${String(PATIENCE_MS / 1_000)} s`);
      this.#child.kill('SIGKILL');
    }, PATIENCE_MS);
    const line = await this.#lines.next();
    clearTimeout(impatience);
    if (!line.done) return line.value;
    if (!this.ended.aborted) await once(this.ended, 'abort');
    throw this.ended.reason;
  }

  /** What is said first counts. */
  #end(how: string): void {
    this.#ended.abort(new Error(`${this.#name} ${how}`));
  }
}
