/** Needs the built package. A process is killed at each step, and another one goes on. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.js';
import { perLane } from '../support/lane.js';
import { AuditReceiver, SECRET } from './audit-receiver.js';
import { newFolder } from './audit-folder.js';
import { runChild, startChild, type ChildOutcome, type DeathPoint } from './killed-process.js';

const ITEMS = 3;
const EVENTS = ITEMS + 2;
/** In the fast lane some of the calls. */
const STRIDE = perLane(16, 1);

/** Tries the points one after the other, until the process has fewer calls. @returns How many it died at. */
async function dieAtEach(attempt: (point: DeathPoint) => Promise<ChildOutcome>): Promise<number> {
  let deaths = 0;
  for (const when of ['before', 'amid', 'after'] as const) {
    for (let [at, isOver] = [1, false]; !isOver; at += STRIDE) {
      const { signal } = await attempt({ at, when });
      isOver = signal === null;
      if (!isOver) deaths += 1;
    }
  }
  return deaths;
}

interface Tried {
  readonly receiver: AuditReceiver;
  readonly outcome: ChildOutcome;
  readonly source: string;
}

/** Nothing that was acknowledged is lost, nothing is out of order, and what came twice is the same. */
function requireSent({ receiver, outcome, source }: Tried, label: string): void {
  const ids = receiver.taken.map(({ id }) => id);
  expect(
    outcome.acknowledged.filter(({ id }) => !ids.includes(id)),
    label,
  ).toEqual([]);
  const arrivals = receiver.firstArrivals(source);
  expect(arrivals, label).toEqual(arrivals.map((_each, index) => index + 1));
  expect(receiver.changed, label).toEqual([]);
  expect(new Set(ids).size, label).toBe(arrivals.length);
  expect(receiver.problems, label).toEqual([]);
}

/** A start that is recorded has an end, or the next process finds it. */
function requireEndOrTakeover(
  recorded: readonly string[],
  outcome: ChildOutcome,
  found: readonly string[],
  source: string,
): void {
  const has = (what: string): boolean => recorded.some((type) => type.includes(`.${what}.`));
  if (has('operation.started') && !has('operation.finished')) expect(found).toEqual([source]);
  if (outcome.acknowledged.length === EVENTS) expect(found).toEqual([]);
}

it('a sink of a service loses nothing where its process is killed at any step', async () => {
  const deaths = await dieAtEach(async (point) => {
    const receiver = await AuditReceiver.start();
    const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder() };
    const source = `urn:test:${randomUUID()}`;
    const outcome = await runChild({ sink, source, items: ITEMS }, point);
    const next = await runChild({ sink, source: `${source}:next` });
    const label = `${outcome.death ?? 'not killed'} ${JSON.stringify(point)}`;
    expect(next.end?.backlog, label).toEqual({ events: 0, bytes: 0 });
    requireSent({ receiver, outcome, source }, label);
    requireEndOrTakeover(
      receiver.taken.map(({ event }) => event.type),
      outcome,
      next.end?.unfinished ?? [],
      source,
    );
    await receiver.stop();
    return outcome;
  });
  expect(deaths).toBeGreaterThan(perLane(4, 60));
});

it('loses nothing where the process that sends what another one left is killed at any step', async () => {
  const deaths = await dieAtEach(async (point) => {
    const receiver = await AuditReceiver.start();
    const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder() };
    const source = `urn:test:${randomUUID()}`;
    receiver.answer = () => ({ status: 503 });
    const left = await runChild({ sink, source, items: ITEMS, flushMs: 0 });
    receiver.answer = () => ({ status: 200 });
    const killed = await runChild({ sink, source: `${source}:next` }, point);
    const last = await runChild({ sink, source: `${source}:last` });
    const label = `${killed.death ?? 'not killed'} ${JSON.stringify(point)}`;
    expect(left.acknowledged, label).toHaveLength(EVENTS);
    expect(last.end?.backlog, label).toEqual({ events: 0, bytes: 0 });
    requireSent({ receiver, outcome: left, source }, label);
    await receiver.stop();
    return killed;
  });
  expect(deaths).toBeGreaterThan(perLane(1, 15));
});

it.each(['before', 'after'] as const)(
  'loses nothing where its process is killed %s the service answers',
  async (when) => {
    for (const nth of perLane([2], [1, 2, 3, 4, 5])) {
      const receiver = await AuditReceiver.start();
      const sink = { url: receiver.url, secrets: [SECRET], folder: newFolder() };
      const source = `urn:test:${randomUUID()}`;
      const child = startChild({ sink, source, items: ITEMS });
      const killAt = (): void => {
        if (receiver.requests.length === nth) child.kill();
      };
      receiver.answer = () => {
        if (when === 'before') killAt();
        return { status: 204 };
      };
      if (when === 'after') receiver.answered = killAt;
      const outcome = await child.outcome;
      expect(outcome.signal).toBe('SIGKILL');
      const next = await runChild({ sink, source: `${source}:next` });
      expect(next.end?.backlog).toEqual({ events: 0, bytes: 0 });
      requireSent({ receiver, outcome, source }, `${when} answer ${String(nth)}`);
      await receiver.stop();
    }
  },
);

it('a sink of a file loses nothing where its process is killed at any step', async () => {
  const deaths = await dieAtEach(async (point) => {
    const file = join(newFolder(), 'audit.jsonl');
    // Small: the file is rotated on the way.
    const sink = { file, maxBytes: 1_024 };
    const source = `urn:test:${randomUUID()}`;
    const outcome = await runChild({ sink, source, items: ITEMS }, point);
    const next = await runChild({ sink, source: `${source}:next`, items: 1 });
    const label = `${outcome.death ?? 'not killed'} ${JSON.stringify(point)}`;
    const own = eventsIn(file).filter((event) => event.source === source);
    const ids = own.map(({ id }) => id);
    expect(
      outcome.acknowledged.filter(({ id }) => !ids.includes(id)),
      label,
    ).toEqual([]);
    expect(
      own.map(({ sequence }) => Number(sequence)),
      label,
    ).toEqual(own.map((_each, index) => index + 1));
    expect(next.acknowledged, label).toHaveLength(3);
    requireEndOrTakeover(
      own.map(({ type }) => type),
      outcome,
      next.end?.unfinished ?? [],
      source,
    );
    return outcome;
  });
  expect(deaths).toBeGreaterThan(perLane(4, 50));
});

/** Of the file and those that were rotated, the oldest first; lines that are marked are skipped. */
function eventsIn(file: string): readonly AuditEvent[] {
  const folder = join(file, '..');
  const rotated = readdirSync(folder)
    .filter((name) => /^audit\.jsonl\.\d/.test(name))
    .sort();
  const lines = [...rotated, 'audit.jsonl'].flatMap((name) => readLines(join(folder, name)));
  return lines
    .filter((line) => !line.endsWith(' (not recorded)'))
    .map((line) => JSON.parse(line) as AuditEvent);
}

function readLines(path: string): readonly string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
