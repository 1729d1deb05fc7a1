import { describe, expect, it } from 'vitest';
import type { DekRow, DekStoreOptions, StoredItem } from '../../src/adapters.js';
import { takeCensus, type DekStore } from '../../src/index.js';
import type { MemoryDekStore } from '../../src/testing/index.js';
import { encryptAny, KEY, note, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection, refused } from '../support/failure.js';
import type { ManualClock } from '../support/clock.js';
import { withOwn } from '../support/probe.js';
import {
  alterRecord,
  ofType,
  pull,
  pullUntil,
  record,
  rewrap,
  rows,
  start,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const FENCE_MS = 1_000;
const LAG_MS = 3_000;
const WAIT_MS = FENCE_MS + 2 * LAG_MS;

/** An operator whose store says this of its reads; two notes are written. */
async function operatorWith(readLagMs: unknown): Promise<readonly [Setup, Setup]> {
  const before = setup({ fenceTtlMs: FENCE_MS });
  await writeNotes(before, 2);
  const dekStore = withOwn(before.memory, { readLagMs });
  return [before, withKeys(before, ['b', 'a'], { dekStore })];
}

/** Pulls for so long; then says how far the record got. */
async function stateAfter(made: Setup, durationMs: number): Promise<string> {
  const rewrapping = await start(made);
  await rewrapping.next();
  const pulling = (async () => {
    for (let type = ''; type !== 'pass';) {
      type = ((await rewrapping.next()).value as { readonly type: string }).type;
    }
  })();
  await made.clock.run(durationMs);
  const { state } = await record(made);
  await made.clock.run(2 * WAIT_MS);
  await pulling;
  return state;
}

describe('a store whose reads may lag', () => {
  it('has the fence take longer by twice the lag, and not a millisecond less', async () => {
    const says = () => Promise.resolve(LAG_MS);
    const [, early] = await operatorWith(says);
    expect(await stateAfter(early, WAIT_MS - 1)).toBe('fencing');
    const [, late] = await operatorWith(says);
    expect(await stateAfter(late, WAIT_MS)).toBe('rewrapping');
  });

  it('has the whole wait counted down', async () => {
    const [, operator] = await operatorWith(() => Promise.resolve(LAG_MS));
    const startMs = operator.clock.monotonicMs();
    const { summary, events } = await rewrap(operator);
    const remaining = ofType({ events }, 'fence').map(({ remainingMs }) => remainingMs);
    expect(remaining[0]).toBe(WAIT_MS);
    expect(Math.min(...remaining)).toBeLessThanOrEqual(FENCE_MS);
    expect(operator.clock.monotonicMs() - startMs).toBe(WAIT_MS);
    expect(summary).toMatchObject({ complete: true, changed: 2 });
  });

  it('is asked once for each wait, with the signal, and not where there is none to wait for', async () => {
    const asked: (AbortSignal | undefined)[] = [];
    const [before, operator] = await operatorWith(({ signal }: DekStoreOptions) => {
      asked.push(signal);
      return Promise.resolve(LAG_MS);
    });
    const controller = new AbortController();
    const rewrapping = await start(operator, { signal: controller.signal });
    await pullUntil(rewrapping, operator.clock, 'fence');
    await alterRecord(before, { fenceTtlMs: 2_000 });
    const events = await pullUntil(rewrapping, operator.clock, 'finished');
    expect(events).toContainEqual({ type: 'fence', remainingMs: 2_000 + 2 * LAG_MS });
    await rewrap(operator);
    await rewrap(operator, { dryRun: true });
    expect(asked).toHaveLength(2);
    // Not the signal itself, which this number of concurrent calls must not listen to, but one that follows it.
    expect(asked[0]).toMatchObject({ aborted: false });
    const reason = new Error('enough');
    controller.abort(reason);
    expect(asked[0]).toMatchObject({ aborted: true });
    expect(asked[0]?.reason).toBe(reason);
  });

  it.each([
    ['says nothing', undefined],
    ['says 0', () => Promise.resolve(0)],
  ])('and %s, has the fence as it is', async (_what, readLagMs) => {
    const [, operator] = await operatorWith(readLagMs);
    const startMs = operator.clock.monotonicMs();
    const events = await pullUntil(await start(operator), operator.clock, 'pass');
    expect(operator.clock.monotonicMs() - startMs).toBe(FENCE_MS);
    expect(ofType({ events }, 'fence')[0]).toEqual({ type: 'fence', remainingMs: FENCE_MS });
  });

  it('may lag by an hour at most', async () => {
    const [, operator] = await operatorWith(() => Promise.resolve(3_600_000));
    const [, fence] = await pullUntil(await start(operator), operator.clock, 'fence');
    expect(fence).toEqual({ type: 'fence', remainingMs: FENCE_MS + 7_200_000 });
  });

  it.each([NaN, -1, -0.1, Infinity, 3_600_001, '3000', 3_000n, null, undefined, {}])(
    'and says %s, is not believed, and no fence is passed',
    async (answer) => {
      const [before, operator] = await operatorWith(() => Promise.resolve(answer));
      expect(await failure(rewrap(operator))).toEqual(
        refused(
          'ADAPTER_CONTRACT',
          'The DEK store broke rule S13: readLagMs returned an unexpected value; fix the adapter',
        ),
      );
      expect(await record(before)).toMatchObject({ state: 'fencing' });
    },
  );

  it('and cannot say by how much, has no fence passed', async () => {
    const down = new Error('403');
    const [before, operator] = await operatorWith(() => Promise.reject(down));
    expect(await rejection(rewrap(operator))).toBe(down);
    expect(await record(before)).toMatchObject({ state: 'fencing' });
  });
});

interface Written {
  readonly atMs: number;
  readonly item: StoredItem | undefined;
}

/** What processes read of one store that tells some of them late; each sees its own writes at once. */
class LaggingReads {
  readonly #memory: MemoryDekStore;
  readonly #clock: ManualClock;
  readonly #records: Written[] = [];
  readonly #rows = new Map<string, number>();

  constructor({ memory, clock }: Setup) {
    this.#memory = memory;
    this.#clock = clock;
  }

  /** The worst that S13 allows: what another process wrote is missed for as long as it may be. */
  async process(): Promise<DekStore> {
    const memory = this.#memory;
    const own = new Set<unknown>();
    if (this.#records.length === 0) {
      this.#records.push({ atMs: -Infinity, item: await memory.getRotation(PRODUCT) });
    }
    const isSeen = ({ atMs, item }: Written): boolean => own.has(item) || this.#isOld(atMs);
    return withOwn(memory, {
      readLagMs: () => Promise.resolve(LAG_MS),
      getItem: () => Promise.resolve(this.#records.findLast(isSeen)?.item),
      replaceItem: async (...args: Parameters<DekStore['replaceItem']>) => {
        const item = await memory.replaceItem(...args);
        this.#records.push({ atMs: this.#clock.monotonicMs(), item });
        own.add(item);
        return item;
      },
      create: async (...args: Parameters<DekStore['create']>) => {
        this.#rows.set(args[0].id, this.#clock.monotonicMs());
        own.add(args[0].id);
        return memory.create(...args);
      },
      list: async (...args: Parameters<DekStore['list']>) => {
        const page = await memory.list(...args);
        const items = page.items.filter(({ value }) => {
          const { id } = value as DekRow;
          return own.has(id) || this.#isOld(this.#rows.get(id) ?? -Infinity);
        });
        return { ...page, items };
      },
    });
  }

  #isOld(atMs: number): boolean {
    return this.#clock.monotonicMs() - atMs > LAG_MS;
  }
}

describe('a writer that reads late of a rotation', () => {
  it('leaves no DEK behind, however late it creates it and however late that is seen', async () => {
    const before = setup({ fenceTtlMs: FENCE_MS });
    await writeNotes(before, 1);
    const reads = new LaggingReads(before);
    const operator = withKeys(before, ['b', 'a'], { dekStore: await reads.process() });
    const writer = withKeys(before, ['a', 'b'], { dekStore: await reads.process() });
    const rewrapping = await start(operator);
    await pull(rewrapping, operator.clock);
    const rest = (async () => {
      let step = await rewrapping.next();
      while (!step.done) step = await rewrapping.next();
      return step.value;
    })();

    await operator.clock.run(LAG_MS);
    await encryptAny(writer.encryptor, { ...KEY, id: 'early', body: 'reads the record' });
    await operator.clock.run(FENCE_MS - 1);
    await encryptAny(writer.encryptor, { ...KEY, id: 'last', body: 'goes by that copy' });
    const late = (await rows(before)).filter(({ scope }) => scope.at(-1) !== 'note-0');
    expect(late.map(({ epoch }) => epoch)).toEqual([1, 1]);

    await operator.clock.run(WAIT_MS);
    expect(await rest).toMatchObject({ complete: true, epoch: 2, changed: 3 });
    const census = await takeCensus({ product: PRODUCT, dekStore: before.memory });
    expect(census).toMatchObject({ settled: true, behind: 0, active: 3 });
  });
});

describe('a shred', () => {
  /** An eraser that sees a row only at this age. */
  async function eraserOf(before: Setup, lagMs: number): Promise<Setup> {
    const madeAtMs = before.clock.monotonicMs();
    await writeNotes(before, 1);
    const listScope = async (scopeId: string): Promise<readonly StoredItem[]> => {
      const items = await before.memory.listScope(scopeId);
      return before.clock.monotonicMs() - madeAtMs >= lagMs ? items : [];
    };
    const readLagMs = (): Promise<number> => Promise.resolve(lagMs);
    return setup({ beside: before, dekStore: withOwn(before.memory, { listScope, readLagMs }) });
  }

  it('finds a DEK that another process made just before, and waits until no read shows it any more', async () => {
    const before = setup();
    const eraser = await eraserOf(before, LAG_MS);
    const [row] = await rows(before);
    const shredding = eraser.encryptor.shred(note, { ...KEY, id: 'note-0' });
    await before.clock.run(LAG_MS);
    expect(await rows(before)).toMatchObject([{ state: 'shredded' }]);
    let isOver = false;
    const watched = shredding.finally(() => {
      isOver = true;
    });
    await before.clock.run(LAG_MS - 1);
    expect(isOver).toBe(false);
    await before.clock.run(1);
    expect(await watched).toEqual({ shredded: [row?.id] });
  });

  it('looks again where the look before was sent too early, and answered late', async () => {
    const before = setup();
    const eraser = await eraserOf(before, LAG_MS);
    eraser.store.after = async (method, result) => {
      if (method === 'listScope') await before.clock.sleep(2 * LAG_MS);
      return result;
    };
    const shredding = eraser.encryptor.shred(note, { ...KEY, id: 'note-0' });
    await before.clock.run(10 * LAG_MS);
    expect((await shredding).shredded).toHaveLength(1);
  });

  it('waits for nothing where reads do not lag', async () => {
    const before = setup();
    const eraser = await eraserOf(before, 0);
    const { shredded } = await eraser.encryptor.shred(note, { ...KEY, id: 'note-0' });
    expect(shredded).toHaveLength(1);
    expect(before.clock.sleeping).toBe(0);
  });
});
