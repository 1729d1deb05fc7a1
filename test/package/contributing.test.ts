import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const contributing = readFileSync('CONTRIBUTING.md', 'utf8');

describe('CONTRIBUTING', () => {
  it('shows a run as its source has it', () => {
    const [, block] = /^```ts\n(.*?)\n```$/ms.exec(contributing) ?? [];
    const source = readFileSync('src/maintenance/add-recovery-wraps.ts', 'utf8');
    expect(block).toMatch(/^export async function\* addRecoveryWraps/);
    expect(source.endsWith(`${block ?? ''}\n`)).toBe(true);
  });

  it('says how many files a call may run through', () => {
    const tool = readFileSync('tools/check-reach.mjs', 'utf8');
    const limits = [...tool.matchAll(/': (\d+)[,}\s]/g)].map(([, count]) => count);
    const said =
      /cold `decryptDocument` runs through (\d+) files, and one rewrapped row through (\d+):/;
    expect(limits).toHaveLength(2);
    expect(said.exec(contributing)?.slice(1)).toEqual(limits);
  });
});
