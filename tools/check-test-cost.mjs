/**
 * Runs `npm test` of a commit and of `HEAD`, one after the other and each in a worktree of its own, and prints
 * the processor seconds that each took; fails where `HEAD` took more than its share.
 *
 *   npm run check:test-cost -- --base SHA [--most 0.334] [TEST FILE …]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** The last line that the shell prints, once all processes of the command have ended. */
const COSTS = /cost: (\d+\.\d+) (\d+\.\d+) (\d+\.\d+)\s*$/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { base: { type: 'string' }, most: { type: 'string', default: '0.334' } },
});
const most = Number(values.most);
if (values.base === undefined || !(most > 0)) {
  console.error('Usage: npm run check:test-cost -- --base SHA [--most SHARE] [TEST FILE …]');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'test-cost-'));
try {
  const base = costOf(values.base, join(folder, 'base'));
  const head = costOf('HEAD', join(folder, 'head'));
  const share = head.processor / base.processor;
  console.log(`\n${line(values.base, base)}\n${line('HEAD', head)}`);
  console.log(`HEAD takes ${share.toFixed(3)} of it, and may take ${most}`);
  if (share > most) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
  git('worktree', 'prune');
}

/** What is installed and built before is not counted. */
function costOf(commit, worktree) {
  git('worktree', 'add', '--detach', worktree, commit);
  run('npm ci --no-audit --no-fund --prefer-offline', worktree);
  run('npm run build:js', worktree);
  const printed = run(
    `TIMEFORMAT='cost: %R %U %S'; time npm test -- ${positionals.join(' ')}`,
    worktree,
  );
  const [, wall, user, system] = COSTS.exec(printed).map(Number);
  return { wall, user, system, processor: user + system };
}

function run(command, cwd) {
  console.log(`== ${command}, in ${cwd}`);
  // Of the surroundings, what Vitest and npm set for their own children would change what runs here.
  const own = ([name]) => !/^(npm_|VITEST|NODE_OPTIONS$|SLOW$)/.test(name);
  const env = Object.fromEntries(Object.entries(process.env).filter(own));
  const ended = spawnSync('bash', ['-c', command], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
    maxBuffer: 2 ** 28,
  });
  process.stderr.write(ended.stderr);
  if (ended.status !== 0) throw new Error(`"${command}" failed in ${cwd}`);
  return ended.stderr;
}

function git(...parameters) {
  execFileSync('git', parameters, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
}

function line(commit, { wall, user, system, processor }) {
  const parts = `${user.toFixed(0)} s user + ${system.toFixed(0)} s system`;
  return `${commit}: ${processor.toFixed(0)} s of processor time (${parts}), ${wall.toFixed(0)} s of wall time`;
}
