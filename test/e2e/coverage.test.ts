import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coverageProblems, runbookPages } from './coverage.js';
import { readRunbookPage, sectionsIn } from './runbook-page.js';
import { situations } from './situations.js';
import { STORY, type Chapter } from './story.js';

const ROOT = join(import.meta.dirname, '../..');
const BLOCK = '\n\n```sh\ntrue\n```\n\n';
const PAGE = ['', 'Before you begin', 'One', 'Two'].map((title) =>
  title === '' ? '# Page\n\n' : `## ${title}${BLOCK}`,
);

const chapter = (name: string, sections: readonly string[], page = 'a.md'): Chapter => ({
  ...{ name, page, sections },
  world: name,
});

function problems(story: readonly Chapter[], page = PAGE.join('')): readonly string[] {
  return coverageProblems(story, ['a.md'], () => sectionsIn(page, 'a.md'));
}

describe('the runbooks', () => {
  const read = (page: string) => readRunbookPage(join(ROOT, page));

  it('are executed whole, each section by one chapter', () => {
    expect(coverageProblems(STORY, runbookPages(ROOT), read)).toEqual([]);
  });

  it('are given situations that exist, and use all of them', () => {
    const steps = runbookPages(ROOT).flatMap((page) => read(page).flatMap((each) => each.steps));
    const given = steps.flatMap((step) => (step.kind === 'given' ? [step.name] : []));
    expect([...new Set(given)].sort()).toEqual(Object.keys(situations).sort());
  });
});

describe('a story', () => {
  it('is right where each section with blocks is in one chapter', () => {
    const story = [
      chapter('x', ['Before you begin', 'One']),
      chapter('y', ['Before you begin', 'Two']),
    ];
    expect(problems(story)).toEqual([]);
  });

  it.each([
    ['leaves a section out', ['Before you begin', 'One'], 'a.md: Two is executed by no chapter'],
    [
      'has a title that is not there',
      ['Before you begin', 'One', 'Two', 'Three'],
      'x: a.md has no section Three',
    ],
    ['has another order', ['Before you begin', 'Two', 'One'], 'x: One comes earlier on a.md'],
  ])('is wrong where it %s', (_what, sections, problem) => {
    expect(problems([chapter('x', sections)])).toEqual([problem]);
  });

  it('is wrong where two chapters have a section', () => {
    const story = [chapter('x', ['Before you begin', 'One', 'Two']), chapter('y', ['Two'])];
    expect(problems(story)).toEqual(['a.md: Two is executed by x and y']);
  });

  it('is wrong where a block stands before the first heading, or a heading is there twice', () => {
    const all = ['Before you begin', 'One', 'Two'];
    expect(problems([chapter('x', all)], `${BLOCK}${PAGE.join('')}`)).toEqual([
      'a.md: what stands before the first heading is executed by no chapter',
    ]);
    expect(problems([chapter('x', all)], `${PAGE.join('')}## One\n\n`)).toEqual([
      'a.md has One twice',
    ]);
  });

  it('is wrong where its page is none of them', () => {
    const story = [chapter('x', ['Before you begin', 'One', 'Two']), chapter('y', ['One'], 'b.md')];
    expect(problems(story)).toEqual(['y: b.md is no runbook']);
  });
});
