import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ScriptRun } from './script-run.js';

const SCRIPT = 'notes-service.ts';
const source = readFileSync(join(import.meta.dirname, '../../examples', SCRIPT), 'utf8');

it(
  'the notes service lists, changes and deletes notes of two tenants',
  { timeout: 60_000 },
  async () => {
    vi.stubEnv('FIELD_ENCRYPT_KEY', randomBytes(32).toString('base64'));
    const script = new ScriptRun(SCRIPT);
    expect(await script.end()).toBe(0);
    expect(script.stderr).toBe('');
    expect(script.stdout.split('\n')).toEqual([
      '[]',
      "[ 'First', 'Second' ]",
      '{',
      "  id: 'draft-7',",
      "  title: 'Draft',",
      '  pinned: false,',
      "  meta: { mood: 'calm', location: 'Berlin' },",
      '  comments: [],',
      "  workspaceId: 'w1'",
      '}',
      'w1: 121 notes',
      'w2: 1 notes',
      'true undefined Secret',
      '',
    ]);
  },
);

it('the notes service has under 120 lines, and no cast', () => {
  expect(source.trimEnd().split('\n').length).toBeLessThan(120);
  expect(source).not.toMatch(/\bas\b(?! you)|\bany\b|\w!|@ts-|<unknown>/);
});
