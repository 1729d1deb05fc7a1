/** A process that ends with this one, however this one ends. @module */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export interface KeptProcessOptions {
  /** Added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it prints: a file descriptor. @default where this process does */
  readonly output?: number;
}

const KEEPER = join(import.meta.dirname, 'keep-while-open.mjs');

export class KeptProcess implements AsyncDisposable {
  /** Its exit code; 127 where there is no such command. */
  readonly exited: Promise<number>;
  readonly #keeper: ChildProcess;

  constructor(
    command: string,
    args: readonly string[],
    { env = {}, output }: KeptProcessOptions = {},
  ) {
    const print = output ?? 'inherit';
    this.#keeper = spawn(process.execPath, [KEEPER, command, ...args], {
      stdio: ['pipe', print, print],
      env: { ...process.env, ...env },
    });
    this.exited = new Promise((resolve, reject) => {
      this.#keeper.once('error', reject);
      this.#keeper.once('exit', (code) => {
        resolve(code ?? 128);
      });
    });
  }

  /** Returns when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.stdin?.destroy();
    await this.exited;
  }
}
