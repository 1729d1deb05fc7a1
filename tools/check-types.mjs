/**
 * Compiles what a user of the package writes, with its own declarations checked too: with the oldest and the
 * newest version of TypeScript and the one of the project, each with every module resolution.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const CONSUMER = join(ROOT, 'test/types/consumer');
const FOLDERS = ['test/types/versions/oldest', '.', 'test/types/versions/newest'];
const RESOLUTIONS = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
];

for (const folder of FOLDERS) {
  const manifest = createRequire(join(ROOT, folder, 'x.js')).resolve('typescript/package.json');
  if (relative(join(ROOT, folder, 'node_modules'), manifest).startsWith('..')) {
    throw new Error(`${folder} has no TypeScript of its own: run npm ci`);
  }
  const { version } = createRequire(manifest)(manifest);
  const compiler = join(manifest, '../bin/tsc');
  for (const [module, resolution] of RESOLUTIONS) {
    compile(`TypeScript ${version}, ${resolution}`, [
      ...[compiler, '-p', CONSUMER],
      ...['--module', module, '--moduleResolution', resolution],
    ]);
  }
}

function compile(what, args) {
  try {
    execFileSync(process.execPath, args, { stdio: 'pipe' });
    console.log(`ok   ${what}`);
  } catch (error) {
    console.error(`${what} failed:\n${error.stdout}${error.stderr}`);
    process.exit(1);
  }
}
