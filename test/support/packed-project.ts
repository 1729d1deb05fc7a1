/** Projects that have installed what `npm pack` makes of this package. Needs `dist`. @module */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const MODULES = join(ROOT, 'node_modules');

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Variables = Readonly<Record<string, string>>;

/** One for each process: packing and installing take seconds. */
let packedOnce: string | undefined;

/** A folder with `node_modules`, in which there are the package and `lru-cache` alone. */
function packedModules(): string {
  if (packedOnce !== undefined) return packedOnce;
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-packed-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const npm = (...parameters: readonly string[]): string =>
    execFileSync('npm', parameters, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const tarball = npm('pack', '--silent', '--ignore-scripts', ROOT).trim();
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  // The dependency comes from a folder, so that no registry is asked.
  const dependency = join(MODULES, 'lru-cache');
  npm('install', '--offline', '--ignore-scripts', '--install-links', `./${tarball}`, dependency);
  packedOnce = folder;
  return folder;
}

/** An application with the packed package, and with these packages and those that they need. */
export class PackedProject {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'field-encrypt-project-'));

  /** @param manifest - Of its `package.json`. */
  constructor(manifest: object, packages: readonly string[] = []) {
    const modules = join(this.folder, 'node_modules');
    cpSync(join(packedModules(), 'node_modules'), modules, {
      recursive: true,
      // Its programs are those of this project.
      verbatimSymlinks: true,
    });
    for (const name of packages) {
      const link = join(modules, name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(MODULES, name), link);
    }
    this.write('package.json', JSON.stringify({ private: true, ...manifest }));
  }

  /** @returns Its path. */
  write(name: string, text: string): string {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Runs a tool of this repository in the project. */
  tool(script: string, parameters: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return runNode([join(MODULES, script), ...parameters], { cwd: this.folder, ...options });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Variables;
  /** Of Node itself. */
  readonly flags?: readonly string[];
}

/** With nothing in its environment but what is given. */
export async function runNode(
  parameters: readonly string[],
  { cwd, env = {}, flags = [] }: RunOptions = {},
): Promise<Outcome> {
  const settings = { cwd, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env } };
  try {
    const given = [...flags, ...parameters];
    return { code: 0, ...(await promisify(execFile)(process.execPath, given, settings)) };
  } catch (error) {
    return error as Outcome;
  }
}
