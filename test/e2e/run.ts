/**
 * Executes the runbooks: `npm run e2e`, or `npm run e2e -- --chapter NAME [--page FILE] [--section TITLE] [--seed N]
 * [--keep] [--show] [--tries N]`. A world is executed again where it fails, up to `--tries` times: each failure is printed.
 */
import { argv } from 'node:process';
import { parseArgs } from 'node:util';
import { coverageProblems, runbookPages } from './coverage.js';
import { problemsAtEnd } from './end-of-world.js';
import { PageRun } from './page-run.js';
import { readRunbookPage } from './runbook-page.js';
import { StoryWorld } from './story-world.js';
import { STORY, type Chapter } from './story.js';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    chapter: { type: 'string', multiple: true, default: [] },
    page: { type: 'string' },
    section: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    tries: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
  },
});
/** Much of the time of a world is spent waiting. */
const AT_ONCE = 2;

const log = (text: string): void => {
  console.log(text);
};

const begin = performance.now();
const seconds = (): string => `${((performance.now() - begin) / 1_000).toFixed(0)} s`;
log(`seed ${values.seed}`);
const isWhole = values.chapter.length === 0 && values.page === undefined;
const waiting = [...worldsOf(chosenChapters())];
const failures = isWhole ? [...coverageProblems(STORY, runbookPages('.'))] : [];
for (const uncovered of failures) log(uncovered);
await Promise.all(Array.from({ length: AT_ONCE }, runWaiting));
if (failures.length > 0) process.exitCode = 1;
log(
  failures.length > 0
    ? `failed after ${seconds()}; again: --seed ${values.seed}`
    : `done after ${seconds()}`,
);

/** The others go on where one fails: what they find is worth knowing too. */
async function runWaiting(): Promise<void> {
  for (let chapters = waiting.shift(); chapters; chapters = waiting.shift()) {
    const problems: string[] = [];
    while (problems.length < Number(values.tries)) {
      const problem = await problemIn(chapters);
      if (problem === undefined) break;
      log(`FAILED: ${problem}`);
      problems.push(problem);
    }
    if (problems.length === Number(values.tries)) failures.push(...problems);
  }
}

async function problemIn(chapters: readonly Chapter[]): Promise<string | undefined> {
  try {
    await runWorld(chapters);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

function chosenChapters(): readonly Chapter[] {
  const chosen = STORY.filter(
    ({ name }) => values.chapter.length === 0 || values.chapter.includes(name),
  );
  const [first] = chosen;
  if (!first) throw new Error(`There is no chapter ${values.chapter.join(', ')}`);
  if (values.page === undefined && values.section.length === 0) return chosen;
  const page = values.page ?? first.page;
  const all = readRunbookPage(page).map(({ title }) => title);
  return [{ ...first, page, sections: values.section.length === 0 ? all : values.section }];
}

function worldsOf(chapters: readonly Chapter[]): readonly (readonly Chapter[])[] {
  const names = [...new Set(chapters.map(({ world }) => world))];
  return names.map((name) => chapters.filter(({ world }) => world === name));
}

async function runWorld(chapters: readonly Chapter[]): Promise<void> {
  const [{ env = {}, world: name } = { world: '' }] = chapters;
  const show = (text: string): void => {
    log(`${name}| ${text}`);
  };
  const world = await StoryWorld.start({ seed: Number(values.seed), env });
  show(`the world is there after ${seconds()}`);
  try {
    for (const chapter of chapters) await runChapter(world, chapter, show);
    const problems = [...new Set(await problemsAtEnd(world))];
    const { clients, kills, replicasKilled } = world;
    show(
      `${String(clients.traffic.answered.length)} requests, of which ${String(clients.refused)} refused`,
    );
    show(`${String(kills)} commands and ${String(replicasKilled)} replicas were killed`);
    if (chapters.some(({ killsReplicas }) => killsReplicas) && kills + replicasKilled === 0) {
      problems.push('No process was killed');
    }
    if (problems.length > 0) throw new Error(`In the end:\n${problems.join('\n')}`);
  } finally {
    await world.stop({ keep: values.keep });
    if (values.keep) show(`kept: ${world.folder}`);
  }
}

async function runChapter(
  world: StoryWorld,
  chapter: Chapter,
  show: (text: string) => void,
): Promise<void> {
  const { name, page, sections, killsReplicas = false } = chapter;
  const known = readRunbookPage(page);
  const run = new PageRun(world, { page, killsReplicas, log: show, show: values.show });
  world.resetOperatorClock();
  for (const title of sections) {
    const section = known.find((each) => each.title === title);
    if (!section) throw new Error(`${page} has no section ${title}`);
    show(`== ${name}: ${title} (${seconds()})`);
    await run.section(section);
  }
}
