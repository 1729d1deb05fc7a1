import { deepEqual, ok } from 'node:assert/strict';
import type { DekRow } from '../../../src/adapters.js';
import { ALL_MEKS, nameOf, targetAt, type MekName } from '../../support/rotation/meks.js';
import { envelopesIn, keyOf, type SimDocument } from '../ledger.js';
import { drivePrune } from './pruner.js';
import { codeOf } from '../explanations.js';
import type { Actor, Life } from '../simulation.js';
import { longestFenceMs } from '../row-checks.js';
import { decrypt as decryptAt } from './reader.js';
import { restore } from './restorer.js';
import { IDS, write } from './writer.js';

type Action = (life: Life) => Promise<void>;

/** Does what operators do, and takes back what would stop everything for good. */
export function operator(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    const actions = [
      rotate,
      rotate,
      rollBack,
      disable,
      remove,
      retire,
      retire,
      retire,
      erase,
      setClock,
    ];
    if (sim.weather.fencesMs.length > 1) actions.push(changeFence, changeFence);
    for (; left > 0; left -= 1) {
      await sim.pause(life, 100, 1_500);
      const isLast = left === 1 && sim.weather.restores;
      await (isLast ? restore : sim.random.pick(actions))(life);
    }
  };
  return { name, role: 'operator', act };
}

/** Kills others at whatever call comes next. */
export function crasher(name: string, rounds: number): Actor {
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (let left = rounds; left > 0; left -= 1) {
      await sim.pause(life, 100, 900);
      const { mortals, random } = sim;
      if (mortals.length === 0 || !random.chance(sim.weather.crashRate)) continue;
      const process = random.pick(mortals);
      process.diesAtCall = process.calls + random.int(1, 8);
    }
  };
  return { name, role: 'operator', act };
}

const rotate: Action = async ({ sim }) => {
  const next = ALL_MEKS.find((name) => sim.vault.stateOf(name) === 'absent');
  if (!next) return rollBack({ sim } as Life);
  sim.vault.set(next, 'enabled');
  sim.wanted = next;
};

const rollBack: Action = async ({ sim }) => {
  const { vault, random } = sim;
  await Promise.resolve();
  sim.wanted = random.pick(vault.made);
  use(sim, sim.wanted);
};

function use({ vault, outOfUse }: Life['sim'], name: MekName): void {
  vault.set(name, 'enabled');
  outOfUse.delete(targetAt(name).mekVersion);
}

/** Too early, and back again: whatever needs it has to wait. */
const disable: Action = (life) => interrupt(life, 'disabled');

/** Soft-deleted by mistake, and recovered. */
const remove: Action = (life) => interrupt(life, 'deleted');

async function interrupt(life: Life, state: 'deleted' | 'disabled'): Promise<void> {
  const { sim } = life;
  const name = sim.random.pick(sim.vault.made);
  if (sim.vault.stateOf(name) !== 'enabled') return;
  sim.vault.set(name, state);
  await sim.pause(life, 200, 2_500);
  sim.vault.set(name, 'enabled');
  sim.tally.add(`MEK versions that were ${state}`, true);
}

/** As it has to be done: pruned after a soak, and asked for; then it is disabled. */
const retire: Action = async (life) => {
  const { sim, process } = life;
  await untilSettled(life);
  const others = sim.vault.made.filter((each) => !isInUse(sim, each));
  if (others.length === 0) return rotate(life);
  const name = sim.random.pick(sim.random.chance(0.2) ? sim.vault.made : others);
  if (sim.vault.stateOf(name) !== 'enabled') return;
  const since = sim.explanations.since(process);
  try {
    const rewrappedBefore = new Date(process.clock.wallMs());
    await drivePrune(life, { rewrappedBefore, mek: targetAt(name), allowUnknown: true });
    process.isIdle = false;
    await requireRetirable(life, name, sim.random.pick([0, 0, 300]));
    if (sim.wanted === name) return;
    sim.vault.set(name, 'disabled');
    sim.outOfUse.set(targetAt(name).mekVersion, sim.timeline.nowMs);
    sim.tally.add('MEK versions that were retired', true);
  } catch (error) {
    process.isIdle = false;
    const code = sim.explanations.require(process, error, since);
    sim.tally.add('MEK versions that were still needed', code === 'MEK_STILL_NEEDED');
  }
};

function isInUse({ dekStore, wanted }: Life['sim'], name: MekName): boolean {
  return wanted === name || dekStore.record?.mekVersion === targetAt(name).mekVersion;
}

/** The process that rotates gets some time for it. */
async function untilSettled(life: Life): Promise<void> {
  const { dekStore } = life.sim;
  for (let looks = 0; looks < 8 && dekStore.record?.state !== 'complete'; looks += 1) {
    await life.sim.pause(life, 300, 1_500);
  }
}

/** I11: behind an aged fence, and nothing was there that stands against it. */
export async function requireRetirable(
  { sim, encryptor }: Life,
  name: MekName,
  backupWindowMs = 0,
): Promise<void> {
  const { dekStore, library, timeline, weather } = sim;
  const startMs = timeline.nowMs;
  const isAged = ({ id }: DekRow): boolean => dekStore.changedAtMs(id) < startMs - weather.lagMs;
  const against = rowsAgainst(sim, name).filter(isAged);
  await library.assertRetirable(encryptor, {
    mek: targetAt(name),
    backupWindowMs,
    allowEmpty: true,
    // It may have been made without ever being a target.
    allowUnknown: true,
  });
  const wholeMs = fenceMs(sim) + 2 * weather.lagMs;
  ok(timeline.nowMs - startMs >= wholeMs, `I11: ${name} is said to be out of use too early`);
  const left = against.filter(({ id }) => dekStore.changedAtMs(id) < startMs);
  deepEqual(left, [], `I11: ${name} is said to be out of use`);
}

function fenceMs({ dekStore }: Life['sim']): number {
  return dekStore.record ? longestFenceMs(dekStore.record) : 0;
}

/** Rows that keep a MEK version in use. */
function rowsAgainst({ dekStore }: Life['sim'], name: MekName): readonly DekRow[] {
  const { record } = dekStore;
  const isAgainst = (row: DekRow): boolean => {
    if (row.state === 'shredded') return false;
    const wraps = row.previousWrap ? [row, row.previousWrap] : [row];
    return row.epoch !== record?.epoch || wraps.some((wrap) => nameOf(wrap) === name);
  };
  return [...dekStore.rows.values()].map(({ row }) => row).filter(isAgainst);
}

/** A document is erased: deleted, and its DEKs destroyed. */
const erase: Action = async (life) => {
  const { sim, process, encryptor, documents } = life;
  const isNew = sim.random.chance(0.5);
  const id = isNew ? `e${String(sim.nextRev())}` : sim.random.pick(IDS);
  if (isNew) await writeFirst(life, id);
  const since = sim.explanations.since(process);
  try {
    const item = await documents.get(keyOf(id)).catch(() => undefined);
    if (item) await documents.delete(keyOf(id), item.etag).catch(() => undefined);
    const reading = item && decrypt(life, item.document).catch(() => undefined);
    // A person who did not know of DEKs.
    if (isNew && sim.random.chance(0.35)) return;
    const startMs = sim.timeline.nowMs;
    await encryptor.shred(sim.definition, keyOf(id));
    requireNoneLeft(sim, id, startMs);
    await reading;
    if (item) await requireRevoked(life, item.document);
    sim.tally.add('documents that were erased', true);
  } catch (error) {
    sim.explanations.require(process, error, since);
  }
};

/** By another process just before, so that a late read may not know of it yet; another one may read it at once. */
async function writeFirst({ sim }: Life, id: string): Promise<void> {
  const owner = sim.spawn(`owner ${String(sim.nextRev())}`, 'writer');
  await write(owner, id);
  const item = sim.documents.find(id);
  if (!item || sim.random.chance(0.7)) return;
  await decryptAt(sim.spawn(`visitor ${String(sim.nextRev())}`, 'reader'), 'migrate', item);
}

/** I5: every DEK that was there when it began is gone for good. */
function requireNoneLeft({ dekStore }: Life['sim'], id: string, startMs: number): void {
  for (const { row } of dekStore.rows.values()) {
    if (row.scope.at(-1) !== id || row.state === 'shredded') continue;
    ok(dekStore.appearedAtMs(row.id) > startMs, `I5: ${row.id} outlived its shredding`);
  }
}

/** I16: where it was shredded nothing opens a copy any more, reads that were under way included. */
async function requireRevoked(life: Life, copy: SimDocument): Promise<void> {
  if (envelopesIn(copy).length === 0) return;
  const isOpen = await decrypt(life, copy).then(
    () => true,
    () => false,
  );
  ok(!isOpen, `I16: ${copy.id} was erased, and a copy of it opens`);
}

function decrypt({ sim, encryptor }: Life, document: SimDocument): Promise<unknown> {
  return encryptor.decryptDocument(sim.definition, document as never);
}

/** A longer fence holds at once, a shorter one once the longer was waited out. */
const changeFence: Action = async ({ sim, process, encryptor }) => {
  const { library, dekStore, random, tally, weather } = sim;
  const before = dekStore.record;
  const next = random.pick(weather.fencesMs);
  const since = sim.explanations.since(process);
  const startMs = sim.timeline.nowMs;
  try {
    await library.setFenceTtl(encryptor, next);
    const isShorter = before !== undefined && next < longestFenceMs(before);
    tally.add('fences that were shortened', isShorter);
    if (!isShorter) return;
    const wholeMs = longestFenceMs(before) + 2 * weather.lagMs;
    ok(sim.timeline.nowMs - startMs >= wholeMs, 'I11: a fence is shortened without a wait');
  } catch (error) {
    // Nothing was there, or a read that lags says so.
    if (weather.startsEmpty && codeOf(error) === 'PRODUCT_EMPTY') return;
    sim.explanations.require(process, error, since);
  }
};

const setClock: Action = async ({ sim }) => {
  await Promise.resolve();
  const { mortals, random } = sim;
  if (mortals.length === 0 || sim.weather.skewMs === 0) return;
  random.pick(mortals).clock.jump(random.int(-1_500, 1_500));
  sim.tally.add('clocks that were set', true);
};
