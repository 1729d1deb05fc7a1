/** Stops the command as Ctrl-C does, at a chosen event of its run; and runs commands that it printed. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CommandOutcome, CommandWorld, Variables } from './command-world.js';

export interface StopAt {
  readonly event: string;
  /** @default 1, the first of them */
  readonly count?: number;
  /** Only in the runs of this collection. */
  readonly collection?: string;
}

/** @returns The environment in which the command is stopped before its mode gets the event. */
export function stopAt(world: CommandWorld, { event, count = 1, collection }: StopAt): Variables {
  const file = world.write(
    'stop.mjs',
    `import { subscribe } from 'node:diagnostics_channel';
    let left = ${String(count)};
    subscribe('bytelyst.field-encrypt.run', (message) => {
      if (message.event.type !== ${JSON.stringify(event)}) return;
      if (${JSON.stringify(collection ?? null)} !== null && message.collection !== ${JSON.stringify(collection ?? null)}) return;
      left -= 1;
      if (left === 0) process.emit('SIGINT', 'SIGINT');
    });`,
  );
  return { NODE_OPTIONS: `--import=${file}` };
}

/** The commands that were printed for the operator, as they are. */
export function printedCommands({ stderr }: CommandOutcome): readonly string[] {
  return [...stderr.matchAll(/^ {2}(encrypt-migrate .*)$/gm)].map(([, command = '']) => command);
}

/** Runs a printed command in a shell, verbatim. */
export async function runPrinted(
  world: CommandWorld,
  command: string,
  variables: Variables = {},
): Promise<CommandOutcome> {
  const folder = join(world.folder, 'bin');
  if (!existsSync(folder)) {
    mkdirSync(folder);
    symlinkSync(world.bin, join(folder, 'encrypt-migrate'));
  }
  const env = { ...world.env, ...variables, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const child = spawn('sh', ['-c', command], {
    cwd: world.folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  world.watchOutput(command.split(' ').slice(1), stdout, stderr);
  return { code: code ?? -1, stdout, stderr };
}
