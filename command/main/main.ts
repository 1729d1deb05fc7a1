/** The executable `encrypt-migrate`. @module */
import { Console } from 'node:console';
import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import { parseCommand } from './parse-command.js';

/** The exit code of Node where the main module awaits forever. */
const UNSETTLED = 13;

process.once('exit', refuseEarlyEnd);
let hasEnded = false;
let outputError: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  outputError ??= error;
});
// There is nowhere left to print it.
process.stderr.on('error', () => undefined);
process.exitCode = await command();
// What is printed is whole before the process ends; sockets that are kept alive do not keep it running.
process.stdout.write('', () => setImmediate(end));

function end(): void {
  const { code = 'unknown error' } = outputError ?? { code: 'EPIPE' };
  // A reader that went away has read what it wanted.
  if (code !== 'EPIPE') {
    process.stderr.write(
      `error Standard output cannot be written (${code}): what was printed is not whole\n`,
    );
    process.exitCode ||= EXIT.failed;
  }
  process.stderr.write('', () => {
    exit(process.exitCode);
  });
}

function exit(code: NodeJS.Process['exitCode']): void {
  hasEnded = true;
  process.exit(code);
}

/** Else an exit of 0, or without a word, would look like a mode that is done. */
function refuseEarlyEnd(code: number): void {
  if (hasEnded || (code !== EXIT.done && code !== UNSETTLED)) return;
  writeSync(
    process.stderr.fd,
    'error The command ended before its mode did: code of the configuration ended the process, or waits for what never comes. Correct that code\n',
  );
  process.exitCode = EXIT.usage;
}

async function command(): Promise<number> {
  const argv = process.argv.slice(2);
  const { env } = process;
  try {
    const parsed = parseCommand(argv, env);
    if (parsed.kind === 'mode') return await runParsed(parsed);
    process.stdout.write(parsed.text);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`error ${error.message}\n`);
    return EXIT.usage;
  }
}

async function runParsed({
  mode,
  raw,
}: Extract<ReturnType<typeof parseCommand>, { kind: 'mode' }>): Promise<number> {
  const [{ runMode }, { systemClock }] = await Promise.all([
    import('./run-mode.js'),
    import('@bytelyst/field-encrypt'),
  ]);
  const { stdin, stdout, stderr, env } = process;
  // What code of the configuration logs is not part of the result.
  globalThis.console = new Console(stderr, stderr);
  const host = { env, folder: process.cwd(), stdin, stdout, stderr };
  return runMode({ ...host, signals: process, clock: systemClock, exit }, mode, raw);
}
