import { ok } from 'node:assert/strict';
import type { DekRow } from '../../../src/adapters.js';
import { codeOf, type Since } from '../explanations.js';
import { FIELDS, isSealed, keyOf, type SimDocument } from '../ledger.js';
import type { Actor, Life } from '../simulation.js';
import { update, waysOf, type ShredTarget, type Way } from './shred-ways.js';

/** Documents that no other process writes or shreds; migrations find them as well. */
const IDS = ['s0', 's1'];

interface Shred {
  /** Of the timeline, when it resolved. */
  readonly atStep: number;
  /** Every DEK that the document had at that time. */
  readonly dekIds: ReadonlySet<string>;
}

interface Race extends ShredTarget {
  /** Those that have resolved. */
  readonly shreds: Shred[];
  /** A call may join a load that an earlier call of the race began, and fail by what was wrong then. */
  readonly since: Since;
}

/** Shreds documents while its own process seals, opens, loads, creates and confirms. */
export function shredder(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 100, 2_500);
      const isFirst = sim.random.chance(0.4);
      await raceOnce(life, sim.random.pick(IDS), isFirst ? withoutDek : withDek);
    }
  };
  return { name, role: 'shredder', act };
}

/** How the document is before; false where it could not be brought there. */
type Start = (target: ShredTarget) => Promise<boolean>;

async function raceOnce(life: Life, id: string, start: Start): Promise<void> {
  const { sim, process } = life;
  const { random } = sim;
  const since = sim.explanations.since(process);
  const target = { life, id, copy: undefined };
  try {
    if (!(await start(target))) return;
  } catch (error) {
    if (codeOf(error) !== 'ETAG_MISMATCH') sim.explanations.require(process, error, since);
    return;
  }
  const copy = start === withDek ? sealedCopy(life, id) : undefined;
  if (start === withDek && !copy) return;
  const race: Race = { ...target, copy, shreds: [], since };
  // So that DEKs are being loaded when the shred begins.
  if (random.chance(0.5)) life.options.dekCache?.clear();
  // Where every call begins first, none may make a DEK after the shred.
  const isEarly = random.chance(0.5);
  const calls = Array.from({ length: random.int(3, 6) }, () => call(race, isEarly ? 0 : 200));
  const shreds = Array.from({ length: random.pick([1, 1, 2]) }, () => shred(race, isEarly));
  await Promise.all([...calls, ...shreds]);
  process.mayCreate = true;
  if (race.shreds.length === 0) return;
  sim.tally.add('shreds that were raced', true);
  for (const way of waysOf(race)) await call(race, 0, way);
}

/** Sealed under a DEK that is not shredded. */
const withDek: Start = async (target) => {
  await erase(target);
  await update(target, target.life.encryptor);
  return true;
};

/** Its next seal has to make a DEK. */
const withoutDek: Start = async (target) => {
  await erase(target);
  await target.life.encryptor.shred(target.life.sim.definition, keyOf(target.id));
  return true;
};

async function erase({ life: { documents }, id }: ShredTarget): Promise<void> {
  const item = await documents.get(keyOf(id));
  if (item) await documents.delete(keyOf(id), item.etag);
}

function sealedCopy({ sim }: Life, id: string): SimDocument | undefined {
  const stored = sim.documents.find(id)?.document;
  return stored && FIELDS.every((field) => isSealed(stored[field])) ? stored : undefined;
}

async function shred(race: Race, isEarly: boolean): Promise<void> {
  const { life, id, shreds } = race;
  const { sim, process, encryptor, documents } = life;
  await sim.pause(life, 0, 200);
  const since = sim.explanations.since(process);
  try {
    const item = sim.random.chance(0.5) ? await documents.get(keyOf(id)) : undefined;
    if (item) await documents.delete(keyOf(id), item.etag).catch(() => undefined);
    process.shredsBegun += 1;
    const startMs = sim.timeline.nowMs;
    await encryptor.shred(sim.definition, keyOf(id)).finally(() => {
      process.shredsEnded += 1;
    });
    if (isEarly) process.mayCreate = false;
    process.shreddedAtMs.set(id, sim.timeline.nowMs);
    shreds.push({ atStep: sim.timeline.steps, dekIds: dekIdsOf(life, id, startMs) });
  } catch (error) {
    sim.explanations.require(process, error, since);
    return;
  }
  // While calls from before the shred are still under way.
  if (!isEarly) await Promise.all([call(race, 0), call(race, 0)]);
}

/** Without those that other processes made meanwhile, and creates of its own that landed after they had failed. */
function dekIdsOf({ sim, process }: Life, id: string, startMs: number): ReadonlySet<string> {
  const rows = [...sim.dekStore.rows.values()].map(({ row }) => row);
  const isKnown = (row: DekRow): boolean =>
    row.state === 'shredded' ||
    process.creates.has(row.id) ||
    sim.dekStore.appearedAtMs(row.id) < startMs;
  const own = rows.filter((row) => row.scope.at(-1) === id && isKnown(row));
  return new Set(own.map((row) => row.id));
}

async function call(race: Race, mostMs: number, asked?: Way): Promise<void> {
  const { life, id } = race;
  const { sim, process, options } = life;
  const { random, library } = sim;
  const way = asked ?? random.pick(waysOf(race));
  // Of one process, by one store and one cache.
  const encryptor = random.chance(0.7) ? life.encryptor : library.createFieldEncryptor(options);
  if (mostMs > 0) await sim.pause(life, 0, mostMs);
  const shredsBefore = race.shreds.length;
  const { shredsEnded } = sim.explanations.since(process);
  try {
    const used = await way(race, encryptor);
    requireUnshredded(race, used, `${way.name} of ${id}`, shredsBefore);
  } catch (error) {
    const code = sim.explanations.require(process, error, { ...race.since, shredsEnded });
    sim.tally.add('calls that a shred has ended', code === 'DEK_SHREDDED');
  }
}

/** I5: once a shred has resolved nothing goes on that began before, and nothing uses its DEKs. */
function requireUnshredded(
  { life: { sim }, shreds }: Race,
  used: readonly string[],
  what: string,
  shredsBefore: number,
): void {
  if (used.length === 0) return;
  for (const [nth, { atStep, dekIds }] of shreds.entries()) {
    // Within one step it is not known which of them came first.
    if (atStep === sim.timeline.steps) continue;
    ok(nth < shredsBefore, `I5: ${what} began before a shred, and went on after it`);
    const shredded = used.find((dekId) => dekIds.has(dekId));
    ok(shredded === undefined, `I5: ${what} used ${String(shredded)} after it was shredded`);
  }
}
