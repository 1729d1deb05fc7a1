import { describe, expect, it } from 'vitest';
import { findMissingDeks, findOrphanDeks, removeEncryption } from '../../src/index.js';
import { encryptAny, KEY, note, setup, type Setup } from '../support/encryptor.js';
import {
  addPlain,
  backfill,
  migrate,
  notes,
  put,
  reencrypt,
  type Notes,
} from '../support/migrations.js';

interface Charged {
  readonly requestCharge?: number;
}

interface Run {
  readonly events: readonly (Charged & { readonly type: string })[];
  readonly summary: Charged;
}

/** From here on both stores have a price, and report it to callers. */
function bill(made: Setup, collection: Notes): { units: number } {
  const sum = { units: 0 };
  const charge = (_method: string, args: readonly unknown[]): void => {
    const { onRequestCharge } = args.at(-1) as { onRequestCharge?: (units: number) => void };
    onRequestCharge?.(2);
    sum.units += 2;
  };
  made.store.before = charge;
  collection.probe.before = charge;
  return sum;
}

async function search(events: AsyncGenerator<Run['events'][number], Charged, void>): Promise<Run> {
  const all = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { events: all, summary: value };
    all.push(value);
  }
}

const RUNS: Readonly<Record<string, (made: Setup, collection: Notes) => Promise<Run>>> = {
  'a backfill': backfill,
  'a re-encryption that shreds': (made, collection) => reencrypt(made, collection, { shred: true }),
  'a removal': (made, { store }) => {
    const off = setup({ beside: made, enabled: false });
    return migrate(removeEncryption(off.encryptor, note, store, { allowEmpty: true }), made.clock);
  },
  'a search for orphaned DEKs': ({ encryptor }, { store }) =>
    search(findOrphanDeks(encryptor, note, store, { minAgeMs: 0 })),
  'a search for missing DEKs': ({ encryptor }, { store }) =>
    search(findMissingDeks(encryptor, note, store)),
};

describe('the request charge', () => {
  it.each(Object.entries(RUNS))('of %s adds up to the bill', async (_name, run) => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 3);
    await backfill(made, collection);
    await encryptAny(made.encryptor, { ...KEY, id: 'never stored', body: 'b' });
    await put(collection, { ...KEY, id: 'plain', body: 'still plain' });
    const spent = bill(made, collection);
    const { events, summary } = await run(made, collection);
    expect(spent.units).toBeGreaterThan(2);
    expect(summary.requestCharge).toBe(spent.units);
    expect(events.reduce((sum, { requestCharge = 0 }) => sum + requestCharge, 0)).toBe(spent.units);
  });

  it('is absent where the stores have no price', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    const { events, summary } = await backfill(made, collection);
    expect([...events, summary].some((each) => 'requestCharge' in each)).toBe(false);
  });
});
