import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ScriptRun } from './script-run.js';

it('the storage cost is what the documentation says', { timeout: 60_000 }, async () => {
  const script = new ScriptRun('storage-cost.ts');
  expect(await script.end()).toBe(0);
  expect(script.stderr).toBe('');
  expect(script.stdout.split('\n')).toHaveLength(5);
  const page = readFileSync(join(import.meta.dirname, '../../docs/everyday.md'), 'utf8');
  expect(page).toContain(`\`\`\`text\n${script.stdout}\`\`\`\n`);
});
