import { expect, it } from 'vitest';
import { ScriptRun } from './script-run.js';

it('a Date and a bigint come back through a codec', { timeout: 60_000 }, async () => {
  const script = new ScriptRun('dates-and-bigints.ts');
  expect(await script.end()).toBe(0);
  expect(script.stderr).toBe('');
  expect(script.stdout).toBe('2030 9007199254740993n 2030-01-01T12:00:00.000Z\n');
});
