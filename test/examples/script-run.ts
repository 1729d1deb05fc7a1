/** A script of the examples in a process group of its own, as a shell would start it. @module */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

export class ScriptRun {
  /** What it printed so far. */
  stdout = '';
  stderr = '';
  readonly #temporary: string = mkdtempSync(join(tmpdir(), 'field-encrypt-test-'));
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<unknown[]>;

  constructor(script: string, ...parameters: readonly string[]) {
    const path = join(ROOT, 'examples', script);
    this.#child = spawn(process.execPath, ['--import', 'tsx', path, ...parameters], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: this.#temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#ended = once(this.#child, 'close');
    onTestFinished(() => {
      if (this.#isAnyoneLeft()) process.kill(-this.#pid, 'SIGKILL');
      rmSync(this.#temporary, { recursive: true, force: true });
    });
  }

  /** @returns Its exit code, or the signal that it ended by. */
  async end(): Promise<number | string> {
    const [code, signal] = (await this.#ended) as [number | null, string | null];
    return code ?? String(signal);
  }

  /** @throws where it ends without having printed it. */
  async untilPrinted(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const printed = once(this.#child.stdout, 'data').then(() => true);
      if (await Promise.race([printed, this.#ended.then(() => false)])) continue;
      throw new Error(`It ended without "${text}": ${this.stdout}${this.stderr}`);
    }
  }

  /** To the process alone. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
  }

  /** To it and all that it started, as a terminal does. */
  pressCtrlC(): void {
    process.kill(-this.#pid, 'SIGINT');
  }

  /** Returns when neither it nor anything that it started is running. */
  async untilNobodyIsLeft(): Promise<void> {
    while (this.#isAnyoneLeft()) await sleep(20);
  }

  /** What is in its folder for temporary files, but for what `tsx` keeps there. */
  get filesLeft(): readonly string[] {
    return readdirSync(this.#temporary).filter((name) => !name.startsWith('tsx-'));
  }

  get #pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('It did not start');
    return pid;
  }

  /** Who has ended and whose parent has not noticed does not count. */
  #isAnyoneLeft(): boolean {
    const processes = execFileSync('ps', ['-A', '-o', 'pgid=,stat='], { encoding: 'utf8' });
    return new RegExp(String.raw`^ *${String(this.#pid)} +[^Z\s]`, 'm').test(processes);
  }
}
