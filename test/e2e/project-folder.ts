/** The project of the backend, built, and with the packed package: a copy for each world. @module */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedBackend } from '../support/running-backend.js';

const MODULES = join(import.meta.dirname, '../../node_modules');

let built: string | undefined;

/** Once for each process: installing and compiling take seconds. */
function builtBackend(): string {
  if (built !== undefined) return built;
  const folder = installedBackend();
  const types = join(folder, 'node_modules/@types');
  mkdirSync(types, { recursive: true });
  symlinkSync(join(MODULES, '@types/node'), join(types, 'node'));
  execFileSync(process.execPath, [join(MODULES, 'typescript/bin/tsc')], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  built = folder;
  return folder;
}

/** @returns Its path. The caller removes it. */
export function newProjectFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'notes-backend-'));
  copyProject(builtBackend(), folder);
  return folder;
}

function copyProject(from: string, folder: string): void {
  for (const name of [
    'dist',
    'page',
    'src',
    'encrypt-migrate.config.ts',
    'package.json',
    'tsconfig.json',
  ]) {
    cpSync(join(from, name), join(folder, name), { recursive: true });
  }
  symlinkSync(realpathSync(join(from, 'node_modules')), join(folder, 'node_modules'));
}

/** The same project, whose definition of a note is another one. */
export function addRelease(project: string, name: string, definition: string): string {
  const folder = join(project, 'releases', name);
  mkdirSync(folder, { recursive: true });
  copyProject(project, folder);
  for (const file of ['src/notes/note.ts', 'dist/notes/note.js']) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const changed = text.replace(/fields: \[.*\],/, `${definition} // ${name}`);
    if (changed === text) throw new Error(`${file} has no fields to be changed`);
    writeFileSync(path, changed);
  }
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
