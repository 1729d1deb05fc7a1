/** Whether every block of every runbook is executed, and by one chapter. @module */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRunbookPage, type Section } from './runbook-page.js';
import { SHARED, type Chapter } from './story.js';

const RUNBOOKS = 'docs/runbooks';

/** Pages that have to be executed. */
export function runbookPages(root: string): readonly string[] {
  const folder = join(root, RUNBOOKS);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const pages = names.filter((name) => name.endsWith('.md')).map((name) => `${RUNBOOKS}/${name}`);
  return ['docs/DATA_MIGRATION_AND_BACKFILL_PLAN.md', ...pages.sort()];
}

/** @returns What is wrong with the story; nothing where all is right. */
export function coverageProblems(
  story: readonly Chapter[],
  pages: readonly string[],
  read: (page: string) => readonly Section[] = readRunbookPage,
): readonly string[] {
  return [
    ...pages.flatMap((page) => pageProblems(page, read(page), story)),
    ...story
      .filter(({ page, sections }) => sections.length > 0 && !pages.includes(page))
      .map(({ name, page }) => `${name}: ${page} is no runbook`),
  ];
}

function pageProblems(
  page: string,
  sections: readonly Section[],
  story: readonly Chapter[],
): readonly string[] {
  const chapters = story.filter((chapter) => chapter.page === page);
  return [
    ...sections.flatMap((section) => sectionProblems(page, section, chapters)),
    ...chapters.flatMap((chapter) => orderProblems(chapter, sections)),
    ...repeated(sections).map((title) => `${page} has ${title} twice`),
  ];
}

function sectionProblems(
  page: string,
  { title, steps }: Section,
  chapters: readonly Chapter[],
): readonly string[] {
  const place = `${page}: ${title === '' ? 'what stands before the first heading' : title}`;
  const names = chapters.filter(({ sections }) => sections.includes(title)).map(({ name }) => name);
  const hasBlocks = steps.some(({ kind }) => kind !== 'given');
  if (hasBlocks && names.length === 0) return [`${place} is executed by no chapter`];
  const isOnce = names.length < 2 || SHARED.includes(title);
  return isOnce ? [] : [`${place} is executed by ${names.join(' and ')}`];
}

function orderProblems(
  { name, page, sections }: Chapter,
  known: readonly Section[],
): readonly string[] {
  const places = sections.map((title) => known.findIndex((each) => each.title === title));
  return sections.flatMap((title, at) => {
    const place = places[at] ?? -1;
    if (place === -1) return [`${name}: ${page} has no section ${title}`];
    const isAgain = sections.indexOf(title) < at;
    const isInOrder = at === 0 || isAgain || (places[at - 1] ?? -1) < place;
    return isInOrder ? [] : [`${name}: ${title} comes earlier on ${page}`];
  });
}

function repeated(sections: readonly Section[]): readonly string[] {
  const titles = sections.map(({ title }) => title);
  return titles.filter((title, at) => titles.indexOf(title) !== at);
}
