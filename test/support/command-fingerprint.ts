/** Whether anything was written to the files of a world, by their bytes. @module */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import Database from 'libsql';
import type { CommandWorld } from './command-world.js';

/**
 * The log is written into each file first, so that a command that only reads, and closes the file last, changes
 * nothing. Another process reads the bytes: closing the file here would drop the locks of the open databases.
 */
export function fingerprint(
  { folder }: Pick<CommandWorld, 'folder'>,
  more: readonly string[] = [],
): string {
  const names = ['deks.sqlite', 'notes.sqlite', ...more];
  const files = names.map((name) => join(folder, name));
  for (const file of files) {
    const database = new Database(file);
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
  }
  return execFileSync('sha256sum', files, { encoding: 'utf8' });
}
