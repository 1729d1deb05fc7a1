import { describe, expect, it } from 'vitest';
import { proseFindings } from '../../tools/prose.mjs';

const NOBODY = '"nobody": write "no process", "no caller", "nothing"';

describe('the check of prose', () => {
  it('finds a phrase in a document, and names its line and what to write', async () => {
    const text = '# Title\n\nThe key is read.\nNobody reads\nit twice.\n';
    expect(await proseFindings('docs/page.md', text)).toEqual([{ line: 4, reason: NOBODY }]);
  });

  it('finds a phrase that goes on in the next line, in cells of tables and in lists', async () => {
    const text = '- A writer is told\n  of it.\n\n| a | b |\n| - | - |\n| x | nobody |\n';
    const lines = (await proseFindings('page.md', text)).map(({ line }) => line);
    expect(lines).toEqual([1, 1, 6]);
  });

  it('finds phrases in comments, messages, templates and test titles of sources', async () => {
    const text = [
      '/**',
      ' * Reads a row.',
      ' * Nobody else does.',
      ' */',
      'function read() { // nobody',
      '  throw new Error("nobody reads");',
      '}',
      'it(`nobody reads ${read.name}`, () => {});',
    ].join('\n');
    expect(await proseFindings('src/read.ts', text)).toEqual([
      { line: 3, reason: NOBODY },
      { line: 5, reason: NOBODY },
      { line: 6, reason: NOBODY },
      { line: 8, reason: NOBODY },
    ]);
  });

  it('finds a word that is there twice, and a wrong article', async () => {
    const reasons = (await proseFindings('page.md', 'Read the the row of a event.\n')).map(
      ({ reason }) => reason,
    );
    expect(reasons).toEqual([
      'Unexpected repeated `the`, remove one occurrence',
      'Unexpected article `a` before `event`, expected `an`',
    ]);
  });

  it('leaves out code, quotations and names', async () => {
    const text = 'Call `nobody()`, or write "nobody".\n\n```ts\nnobody();\n```\n';
    expect(await proseFindings('page.md', text)).toEqual([]);
    expect(await proseFindings('src/a.ts', "import { nobody } from './nobody.js';")).toEqual([]);
  });
});
