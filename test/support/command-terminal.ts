/** The built command on a terminal, whose operator answers what it asks. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CommandWorld, Variables } from './command-world.js';

const BIN = join(import.meta.dirname, '../../dist/command/encrypt-migrate.js');

const LONGEST_MS = 60_000;

/** What is typed once a text is on the screen. */
export type Answer = readonly [shown: string, typed: string];

export interface TerminalOutcome {
  readonly code: number;
  /** Everything that was on the screen, without colours and movements of the cursor. */
  readonly screen: string;
}

interface TerminalOptions {
  readonly variables?: Variables;
  readonly columns?: number;
  readonly rows?: number;
}

/** `script` of util-linux makes the terminal. @param answers - In the order in which they are asked for. */
export async function runOnTerminal(
  world: CommandWorld,
  args: readonly string[],
  answers: readonly Answer[],
  { variables = {}, columns = 100, rows = 40 }: TerminalOptions = {},
): Promise<TerminalOutcome> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`);
  const command = `stty cols ${String(columns)} rows ${String(rows)}; exec ${words.join(' ')}`;
  const env = { ...world.env, PATH: process.env['PATH'], TERM: 'xterm', ...variables };
  const child = spawn('script', ['-q', '-f', '-e', '-c', command, '/dev/null'], {
    cwd: world.folder,
    env,
  });
  const left = [...answers];
  let [screen, read] = ['', 0];
  child.stdout.on('data', (part: Buffer) => {
    screen = plain(screen + part.toString());
    const [next] = left;
    const at = next === undefined ? -1 : squeezed(screen).indexOf(squeezed(next[0]), read);
    if (next === undefined || at < 0) return;
    read = at + squeezed(next[0]).length;
    left.shift();
    child.stdin.write(next[1]);
  });
  // A question without an answer would be waited for without an end.
  const lost = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(lost);
  world.watchOutput(args, screen);
  if (left.length > 0) throw new Error(`It did not ask "${left[0]?.[0] ?? ''}":\n${screen}`);
  return { code: code ?? -1, screen };
}

function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '');
}

/** Questions are wrapped at the width of the window. */
export function squeezed(text: string): string {
  return text.replaceAll(/[\s│◆◇]+/g, '');
}
