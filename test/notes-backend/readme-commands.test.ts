/** The commands that the README of the notes backend prints, as printed. Needs the built package. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BackendProcess,
  folderForTest,
  installedBackend,
} from '../support/notes-backend-process.js';
import type { ListAnswer, NoteAnswer } from '../support/notes-backend.js';

const README = join(import.meta.dirname, '../../examples/notes-backend/README.md');
const readme = readFileSync(README, 'utf8');

describe('the README of the notes backend', () => {
  it('has commands that do what it says', async () => {
    const backend = await BackendProcess.start({
      DATABASE_FILE: join(folderForTest(), 'notes.db'),
    });
    const commands = [...readme.matchAll(/^```sh\n([^]*?)^```/gm)]
      .map(([, block = '']) => block)
      .find((block) => block.includes('curl'));
    const { stdout, stderr } = await promisify(execFile)('sh', ['-euc', String(commands)], {
      cwd: installedBackend(),
      env: { PATH: process.env['PATH'], NOTES: backend.address },
    });
    expect(stderr).toBe('');
    expect(existsSync(join(installedBackend(), 'answer.txt'))).toBe(false);
    const [printed = '', rest] = stdout.split(/(?<=\})(?=200\n)/);
    expect(rest).toBe('200\n428\n412\n204\n404\n403\n{"status":"ok"}');
    const [created, again, list] = printed.split(/(?<=\})(?=\{"(?:id|entries)":)/);
    const note = JSON.parse(String(created)) as NoteAnswer;
    expect(note).toMatchObject({ title: 'Plans', body: 'Call the bank', pinned: false });
    expect(JSON.parse(String(again))).toEqual(note);
    const { entries } = JSON.parse(String(list)) as ListAnswer;
    expect(entries.map((entry) => entry.note)).toEqual([note]);
  });
});
