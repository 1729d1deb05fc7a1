/** Runs a command until it ends, or standard input is closed: it never outlives the process that started it. */
import { spawn } from 'node:child_process';

const PATIENCE_MS = Number(process.env.KEEP_PATIENCE_MS ?? 10_000);

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
child.on('error', ({ message }) => {
  console.error(message);
  process.exit(127);
});
// 128 and more, as a shell has it, for a killed process.
child.on('exit', (code) => process.exit(code ?? 128));

let isStopping = false;
function stop() {
  if (isStopping) return;
  isStopping = true;
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS).unref();
}
process.stdin.on('close', stop).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
