import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idRangeOf, inOwnOrder, isOfRound } from '../../src/rotation/rewrap-run.js';
import { isIn } from '../support/fleet.js';

describe('the shards of a fleet', () => {
  const shards = fc
    .integer({ min: 1, max: 256 })
    .chain((count) => fc.record({ count: fc.constant(count), index: fc.nat(count - 1) }));
  const ids = fc.oneof(
    fc.stringMatching(/^[0-9a-f]{32}\.1$/),
    fc.constantFrom('', '!', '/', '0', '00000000', 'f', 'ffffffff', 'g', 'zzz', 'é', '\u{10ffff}'),
  );

  it('have every id that there can be in exactly one of them', () => {
    fc.assert(
      fc.property(shards, ids, ({ count }, id) => {
        const all = Array.from({ length: count }, (_each, index) => ({ index, count }));
        expect(all.filter((shard) => isIn(id, shard))).toHaveLength(1);
      }),
    );
  });

  it('are of one size, and meet where one ends', () => {
    fc.assert(
      fc.property(shards, ({ index, count }) => {
        const { idFrom = '00000000', idBefore = '100000000' } = idRangeOf({ index, count });
        const size = (parseInt(idBefore, 16) - parseInt(idFrom, 16)) / 2 ** 32;
        expect(size * count).toBeCloseTo(1, 6);
        if (index > 0) expect(idFrom).toBe(idRangeOf({ index: index - 1, count }).idBefore);
      }),
    );
  });

  it('of eight begin with 0, 2, 4, …', () => {
    const ranges = Array.from({ length: 8 }, (_each, index) => idRangeOf({ index, count: 8 }));
    expect(ranges).toEqual([
      { idBefore: '20000000' },
      { idFrom: '20000000', idBefore: '40000000' },
      { idFrom: '40000000', idBefore: '60000000' },
      { idFrom: '60000000', idBefore: '80000000' },
      { idFrom: '80000000', idBefore: 'a0000000' },
      { idFrom: 'a0000000', idBefore: 'c0000000' },
      { idFrom: 'c0000000', idBefore: 'e0000000' },
      { idFrom: 'e0000000' },
    ]);
    expect(idRangeOf({ index: 0, count: 1 })).toEqual({});
  });

  it('are assigned three more times, each time to other workers', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{32}\.1$/), shards, (id, { count }) => {
        const all = Array.from({ length: count }, (_each, index) => ({ index, count }));
        for (const deal of [1, 2, 3]) {
          expect(all.filter((shard) => isOfRound(shard, deal, id))).toHaveLength(1);
        }
      }),
    );
    const id = `${'0'.repeat(8)}0000000100000002${'0'.repeat(7)}3.1`;
    const dealtTo = [1, 2, 3].map((deal) =>
      [0, 1, 2, 3].filter((index) => isOfRound({ index, count: 4 }, deal, id)),
    );
    expect(dealtTo).toEqual([[1], [2], [3]]);
  });

  it('have the rows of a page in an order of their own, all of them', () => {
    const items = Array.from({ length: 200 }, (_each, index) => ({
      value: { id: `${createHash('sha256').update(String(index)).digest('hex').slice(0, 32)}.1` },
      etag: String(index),
    }));
    const broken = { value: undefined, etag: 'broken' };
    const orders = Array.from({ length: 8 }, (_each, index) =>
      inOwnOrder({ index, count: 8 }, [...items, broken]).map(({ etag }) => etag),
    );
    for (const order of orders) {
      expect(new Set(order)).toEqual(new Set([...items, broken].map(({ etag }) => etag)));
    }
    // Two of them are hardly ever near each other.
    const [one = [], other = []] = orders;
    const near = one.filter((etag, place) => Math.abs(other.indexOf(etag) - place) < 4);
    expect(near.length).toBeLessThan(30);
    expect(new Set(orders.map((order) => order.join())).size).toBe(8);
  });
});
