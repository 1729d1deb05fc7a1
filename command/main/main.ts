/** The executable `encrypt-migrate`. @module */
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import { parseCommand } from './parse-command.js';

let outputError: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error) => (outputError ??= error));
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
  process.stderr.write('', () => process.exit());
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
  const host = { env, folder: process.cwd(), stdin, stdout, stderr };
  return runMode(
    { ...host, signals: process, clock: systemClock, exit: (code) => process.exit(code) },
    mode,
    raw,
  );
}
