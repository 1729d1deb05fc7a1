import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as core from '../../src/index.js';
import type * as sqlite from '../../src/sqlite/index.js';

const ROOT = join(import.meta.dirname, '../..');
/** The last one that knows no items but rows, rotation records and leases. */
const COMMIT = '7050a4c867ebe88f55c404da4721d63dcf4173ec';

type Core = typeof core;
type Sqlite = typeof sqlite;

/** The package as it was, built and packed from history. */
export interface PreviousBuild {
  readonly core: Core;
  readonly sqlite: Sqlite;
  readonly remove: () => void;
}

function run(cwd: string, command: string, ...parameters: readonly string[]): Buffer {
  return execFileSync(command, parameters, { cwd, stdio: 'pipe', maxBuffer: 2 ** 28 });
}

/** False in a shallow clone, and where there is no repository at all. */
export function hasPreviousBuild(): boolean {
  try {
    run(ROOT, 'git', 'cat-file', '-e', `${COMMIT}^{commit}`);
    return true;
  } catch {
    return false;
  }
}

export async function previousBuild(): Promise<PreviousBuild> {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-previous-'));
  const [sources, modules] = [join(folder, 'sources'), join(folder, 'node_modules')];
  mkdirSync(sources);
  const archive = run(ROOT, 'git', 'archive', COMMIT);
  execFileSync('tar', ['-x'], { cwd: sources, input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(sources, 'node_modules'));
  run(sources, process.execPath, 'node_modules/tsup/dist/cli-default.js', '--no-dts', '--silent');
  const tarball = run(sources, 'npm', 'pack', '--silent', '--ignore-scripts').toString().trim();
  const installed = join(modules, '@bytelyst/field-encrypt');
  mkdirSync(installed, { recursive: true });
  run(installed, 'tar', '-xzf', join(sources, tarball), '--strip-components=1');
  symlinkSync(join(ROOT, 'node_modules/lru-cache'), join(modules, 'lru-cache'));
  const entry = (name: string): Promise<unknown> =>
    import(pathToFileURL(join(installed, 'dist', name)).href);
  return {
    core: (await entry('index.js')) as Core,
    sqlite: (await entry('sqlite/index.js')) as Sqlite,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
