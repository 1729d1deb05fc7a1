import { describe, expect, it } from 'vitest';
import { StoreError, type DekStore, type RewrapEvent } from '../../src/index.js';
import { CheckedDekStore } from '../../src/store/checked-dek-store.js';
import { RunCharge } from '../../src/store/run-charge.js';
import { setup, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { ofType, pullUntil, rewrap, start, withKeys, writeNotes } from '../support/rotations.js';

type Method = (...args: readonly unknown[]) => Promise<unknown>;
type Listener = (units: number) => void;

/** What a call costs, and its outcome after the report. */
interface Terms {
  readonly unitsOf?: (method: string) => number;
  readonly after?: (method: string) => void;
}

const PRICES: Readonly<Record<string, number>> = {
  getItem: 1,
  replaceItem: 5.71,
  count: 2.79,
  list: 2.83,
  replace: 10.29,
};
const priceOf = (method: string): number => PRICES[method] ?? 0.1;

/** A process over a store with a price, and what that store has billed so far. */
async function billedOperator(
  notes: number,
  { unitsOf = priceOf, after = () => undefined }: Terms = {},
): Promise<readonly [operator: Setup, bill: { units: number }]> {
  const before = setup();
  await writeNotes(before, notes);
  const bill = { units: 0 };
  const dekStore = new Proxy<DekStore>(before.memory, {
    get(memory, name) {
      const member: unknown = Reflect.get(memory, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return async (...args: readonly unknown[]) => {
        const units = unitsOf(name);
        const { onRequestCharge } = args.at(-1) as { readonly onRequestCharge?: Listener };
        onRequestCharge?.(units);
        bill.units += units;
        after(name);
        return (member as Method).call(memory, ...args);
      };
    },
  });
  return [withKeys(before, ['b', 'a'], { dekStore }), bill];
}

function sumOf(events: readonly RewrapEvent[]): number {
  return events.reduce((sum, { requestCharge = 0 }) => sum + requestCharge, 0);
}

describe('the request charge of a rewrap', () => {
  it.each([1, 8])(
    'adds up over the events, is in the summary, and is the bill, at concurrency %i',
    async (concurrency) => {
      const [operator, bill] = await billedOperator(20, {});
      const { events, summary } = await rewrap(operator, { concurrency });
      expect(summary.complete).toBe(true);
      expect(bill.units).toBeGreaterThan(20 * 10.29);
      expect(summary.requestCharge).toBeCloseTo(bill.units, 6);
      expect(sumOf(events)).toBeCloseTo(bill.units, 6);
    },
  );

  it('is in the last event what the summary costs to come true, and the same as returned', async () => {
    const [operator] = await billedOperator(1);
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'passed');
    await pullUntil(rewrapping, operator.clock, 'passed');
    await pullUntil(rewrapping, operator.clock, 'passed');
    const [finished] = await pullUntil(rewrapping, operator.clock, 'finished');
    const { value: summary } = await rewrapping.next();
    expect(finished).toEqual({ type: 'finished', summary, requestCharge: 1 + 5.71 });
  });

  it('is in each event what was spent since the one before', async () => {
    const [operator] = await billedOperator(2);
    const events = await pullUntil(
      await start(operator, { concurrency: 1 }),
      operator.clock,
      'passed',
    );
    const [begun, firstFence, ...rest] = events;
    expect(begun).toMatchObject({ type: 'begun' });
    // The record and every row, before it is written.
    expect(begun?.requestCharge).toBeCloseTo(1 + 2.83 + 1 + 5.71, 6);
    expect(firstFence).toEqual({ type: 'fence', remainingMs: 30_000, requestCharge: 1 });
    for (const fence of ofType({ events: rest }, 'fence')) {
      expect(fence).not.toHaveProperty('requestCharge');
    }
    expect(ofType({ events }, 'pass')).toMatchObject([{ requestCharge: 5.71 + 2.79 }]);
    const [first, second] = ofType({ events }, 'changed');
    expect(first?.requestCharge).toBeCloseTo(2.83 + 1 + 10.29, 6);
    expect(second?.requestCharge).toBeCloseTo(10.29, 6);
    expect(events.at(-1)).not.toHaveProperty('requestCharge');
  });

  it('is reported for a dry run, too', async () => {
    const [operator, bill] = await billedOperator(3);
    const { events, summary } = await rewrap(operator, { dryRun: true });
    expect(summary.requestCharge).toBeCloseTo(1 + 2.83 + 1 + 2.79 + 2.83, 6);
    expect(sumOf(events)).toBeCloseTo(bill.units, 6);
  });

  it('counts requests that failed', async () => {
    const [operator, bill] = await billedOperator(2, {
      after: (method) => {
        if (method === 'replace') throw new StoreError('STORE_FAILED', 'The disk is full');
      },
    });
    const { events, summary } = await rewrap(operator, { concurrency: 1 });
    expect(summary).toMatchObject({ complete: false, failed: 2 });
    expect(summary.requestCharge).toBeCloseTo(bill.units, 6);
    expect(sumOf(events)).toBeCloseTo(bill.units, 6);
    const [, second] = ofType({ events }, 'failed');
    expect(second?.requestCharge).toBeCloseTo(10.29 + 0.1, 6);
  });

  it('was reported up to where the store ended the run', async () => {
    const down = new StoreError('STORE_UNAVAILABLE', 'The database is down');
    let lists = 0;
    const [operator, bill] = await billedOperator(1, {
      after: (method) => {
        lists += Number(method === 'list');
        if (lists === 2) throw down;
      },
    });
    const rewrapping = await start(operator);
    const events = await pullUntil(rewrapping, operator.clock, 'pass');
    expect(sumOf(events)).toBeCloseTo(bill.units, 6);
    expect(await failure(rewrapping.next())).toMatchObject({ message: 'The database is down' });
  });

  it('is absent, and not undefined, where the store reports none', async () => {
    const before = setup();
    await writeNotes(before, 2);
    const { events, summary } = await rewrap(withKeys(before, ['b', 'a']));
    expect(events.filter((event) => 'requestCharge' in event)).toEqual([]);
    expect('requestCharge' in summary).toBe(false);
  });

  it('of 0 is a charge', async () => {
    const [operator] = await billedOperator(1, { unitsOf: () => 0 });
    expect((await rewrap(operator)).summary.requestCharge).toBe(0);
  });

  it.each([NaN, Infinity, -1, '5.71', undefined, null])(
    'of %s is no charge, and ends nothing',
    async (nonsense) => {
      const [operator] = await billedOperator(1, {
        unitsOf: (method) => (method === 'list' ? 2.83 : (nonsense as number)),
      });
      const { summary } = await rewrap(operator);
      expect(summary.complete).toBe(true);
      expect(summary.requestCharge).toBeCloseTo(4 * 2.83, 6);
    },
  );
});

describe('CheckedDekStore, with the charge of a run', () => {
  const ARGS: Readonly<Record<keyof DekStore, readonly unknown[]>> = {
    create: ['row'],
    get: ['dekId'],
    getMany: [['dekId']],
    listScope: ['scopeId'],
    replace: ['row', 'etag'],
    list: [{ product: 'p' }],
    count: [{ product: 'p' }],
    createItem: ['item'],
    getItem: ['scopeId', 'id'],
    replaceItem: ['item', 'etag'],
    deleteItem: ['scopeId', 'id', 'etag'],
    listItems: ['scopeId'],
    readLagMs: [],
    listProducts: [],
  };

  const ITEM = { value: {}, etag: '"1"' };
  /** Answers of the right form; the others are items. */
  const ANSWERS: Readonly<Record<string, unknown>> = {
    getMany: new Map(),
    listScope: [],
    list: { items: [] },
    count: 0,
    listItems: { items: [] },
    readLagMs: 0,
    listProducts: [],
  };

  interface Charged {
    readonly call: Method;
    /** What the store was given last. */
    readonly given: () => readonly unknown[];
    readonly charge: RunCharge;
  }

  /** A call of a store that charges 5.71 for it. */
  function callOf(name: string): Charged {
    let given: readonly unknown[] = [];
    const inner = new Proxy({} as Required<DekStore>, {
      get:
        () =>
        (...args: readonly unknown[]) => {
          given = args;
          (args.at(-1) as { readonly onRequestCharge: Listener }).onRequestCharge(5.71);
          return Promise.resolve(ANSWERS[name] ?? ITEM);
        },
    });
    const charge = new RunCharge();
    const store = new CheckedDekStore(inner, undefined, charge);
    const method = Reflect.get(store, name) as Method;
    return { call: (...args) => method.call(store, ...args), given: () => given, charge };
  }

  it.each(Object.entries(ARGS))(
    'hears of %s and passes on what it was given',
    async (name, args) => {
      const { call, given, charge } = callOf(name);
      const { signal } = new AbortController();
      await call(...args, { signal, pageSize: 7 });
      expect(given().slice(0, -1)).toEqual(args);
      expect(given().at(-1)).toMatchObject({ pageSize: 7 });
      expect((given().at(-1) as { signal: unknown }).signal).toBe(signal);
      await call(...args);
      expect(charge.total).toBe(2 * 5.71);
    },
  );

  it('keeps the listener that a caller has of its own', async () => {
    const { call, charge } = callOf('get');
    const heard: number[] = [];
    await call('dekId', { onRequestCharge: (units: number) => heard.push(units) });
    expect(heard).toEqual([5.71]);
    expect(charge.total).toBe(5.71);
  });
});
