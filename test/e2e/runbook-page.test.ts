import { describe, expect, it } from 'vitest';
import { PageError, sectionsIn, type Step } from './runbook-page.js';

const read = (text: string) => sectionsIn(text, 'page.md');
const stepsOf = (text: string): readonly Step[] => read(text).flatMap(({ steps }) => steps);

const sh = (code: string) => `\`\`\`sh\n${code}\n\`\`\`\n`;
const shown = (text: string) => `\`\`\`text\n${text}\n\`\`\`\n`;

describe('the sections of a page', () => {
  it('are its headings of the second level, with what is below them', () => {
    const page = ['# Page', '## `One` and *two*', sh('a'), '### Inner', sh('b'), '## Empty'];
    const sections = read(page.join('\n\n'));
    expect(sections.map(({ title, steps }) => [title, steps.length])).toEqual([
      ['One and two', 2],
      ['Empty', 0],
    ]);
  });

  it('have what stands before the first heading under an empty title', () => {
    expect(read(sh('a')).map(({ title }) => title)).toEqual(['']);
  });
});

describe('a block', () => {
  it('has the text after it, whatever prose stands between', () => {
    const page = ['## A', sh('one\ntwo'), 'You see:', shown('1\n2'), sh('three')];
    expect(stepsOf(page.join('\n\n'))).toMatchObject([
      { kind: 'sh', code: 'one\ntwo', expected: '1\n2', exitCode: 0, isKilled: false, line: 3 },
      { kind: 'sh', code: 'three', expected: undefined },
    ]);
  });

  it('is found within a list and a quote', () => {
    const page = `1. First:\n\n   ${sh('a').replaceAll('\n', '\n   ')}\n   ${shown('b').replaceAll('\n', '\n   ')}\n\n> ${sh('c').trim().replaceAll('\n', '\n> ')}`;
    expect(stepsOf(page)).toMatchObject([{ code: 'a', expected: 'b' }, { code: 'c' }]);
  });

  it('is a query on the container that the directive names', () => {
    const query = '```sql\nSELECT 1\n```\n';
    const page = `${query}\n<!-- e2e: container=notes -->\n\n${query}`;
    expect(stepsOf(page)).toMatchObject([
      { kind: 'sql', code: 'SELECT 1', container: 'dek_store' },
      { kind: 'sql', container: 'notes' },
    ]);
  });

  it('does not take the text of another block, or of the next section', () => {
    const other = '```json\n{}\n```\n';
    expect(stepsOf([sh('a'), other, shown('b')].join('\n'))).toMatchObject([
      { expected: undefined },
    ]);
    expect(stepsOf([sh('a'), '## B', shown('b')].join('\n\n'))).toMatchObject([
      { expected: undefined },
    ]);
    const twice = stepsOf([sh('a'), shown('b'), shown('c')].join('\n'));
    expect(twice).toMatchObject([{ expected: 'b' }]);
  });
});

describe('a directive', () => {
  it('is of the block after it', () => {
    const page = `<!-- e2e: exit=3, while=kill -->\n\n${sh('a')}\n${sh('b')}`;
    expect(stepsOf(page)).toMatchObject([
      { exitCode: 3, isKilled: true },
      { exitCode: 0, isKilled: false },
    ]);
  });

  it('says what has to be there before, at its place', () => {
    const page = `## A\n\n<!-- given: a-day-later -->\n\n${sh('a')}`;
    expect(stepsOf(page)).toMatchObject([{ kind: 'given', name: 'a-day-later', line: 3 }, {}]);
  });

  it.each([
    ['unknown', `<!-- e2e: skip -->\n\n${sh('a')}`, 'page.md:1 has an unknown directive: skip'],
    ['half unknown', `<!-- e2e: exit=1 slow=yes -->\n\n${sh('a')}`, 'unknown directive: slow=yes'],
    ['no number', `<!-- e2e: exit=one -->\n\n${sh('a')}`, 'unknown directive: exit=one'],
    ['misspelt', `<!-- e2e exit=1 -->\n\n${sh('a')}`, 'page.md:1 is no directive'],
    [
      'a bad name',
      `<!-- given: A day later -->\n\n${sh('a')}`,
      'page.md:1 is no name of a situation',
    ],
    ['before prose', `<!-- e2e: exit=1 -->\n\nText\n\n${sh('a')}`, 'page.md:3 belongs to no block'],
    ['before a text', `<!-- e2e: exit=1 -->\n\n${shown('a')}`, 'page.md:3 is not executed'],
    ['before yaml', '<!-- e2e: exit=1 -->\n\n```yaml\na: 1\n```', 'page.md:3 is not executed'],
    ['at the end', '## Last\n\n<!-- e2e: exit=1 -->', 'page.md: a directive ends Last'],
  ])('that is %s is refused', (_what, page, problem) => {
    expect(() => read(page)).toThrow(PageError);
    expect(() => read(page)).toThrow(problem);
  });

  it('is no other comment', () => {
    expect(stepsOf(`<!-- prettier-ignore -->\n\n${sh('a')}`)).toMatchObject([{ code: 'a' }]);
  });
});
