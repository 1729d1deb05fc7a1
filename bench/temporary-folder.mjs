/** A folder for the files that are measured. @module */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder;

/** @returns The one folder of this process: removed however the process ends. */
export function temporaryFolder() {
  folder ??= makeFolder();
  return folder;
}

function makeFolder() {
  const made = mkdtempSync(join(tmpdir(), 'field-encrypt-bench-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  return made;
}
