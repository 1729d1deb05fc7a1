import { describe, expect, it } from 'vitest';
import { StoreError, takeCensus } from '../../src/index.js';
import { setup, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alterRecord,
  alterRow,
  ofType,
  record,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const reset = new StoreError('STORE_UNAVAILABLE', 'connection reset');

async function written(): Promise<readonly [Setup, Setup]> {
  const before = setup();
  await writeNotes(before, 4);
  return [before, withKeys(before, ['b', 'a'])];
}

/** Fails the nth call of a method: before it is done, or after. */
function failOnce(made: Setup, method: string, nth: number, when: 'after' | 'before'): void {
  let calls = 0;
  const isIt = (called: string): boolean => called === method && ++calls === nth;
  if (when === 'before') {
    made.store.before = (called) => {
      if (isIt(called)) throw reset;
    };
  } else {
    made.store.after = (called, result) => {
      if (isIt(called)) throw reset;
      return result;
    };
  }
}

describe('an answer that was lost after the write', () => {
  it.each([
    ['beginning', 1],
    ['passing the fence', 2],
    ['completing', 3],
  ])('to %s is looked up', async (_what, nth) => {
    const [before, operator] = await written();
    failOnce(operator, 'replaceRotation', nth, 'after');
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, epoch: 2, changed: 4 });
    expect(operator.store.calls['replaceRotation']).toBe(3);
    expect(await record(before)).toMatchObject({ epoch: 2, state: 'complete' });
  });

  it('is not taken for this rotation’s when another one began in its place', async () => {
    const [before, operator] = await written();
    operator.store.before = async (method) => {
      if (method !== 'replaceRotation') return;
      operator.store.before = () => undefined;
      await (await start(withKeys(before, ['c', 'a']))).next();
      throw reset;
    };
    expect(await rejection(rewrap(operator))).toBe(reset);
    expect(await record(before)).toMatchObject({ epoch: 2, mekVersion: await versionOf('c') });
  });

  it('to the replace of a row is looked up, and not done twice', async () => {
    const [before, operator] = await written();
    failOnce(operator, 'replace', 2, 'after');
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 4, failed: 0 });
    expect(operator.store.calls['replace']).toBe(4);
    expect((await takeCensus(before.encryptor)).settled).toBe(true);
  });

  it('and that comes back as a lost race is distinguished from one', async () => {
    const [, operator] = await written();
    let calls = 0;
    operator.store.after = (method, result) => {
      // As when an adapter sends the same request again after a reset.
      if (method === 'replace' && ++calls === 2) throw new StoreError('ETAG_MISMATCH', 'changed');
      return result;
    };
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 4, failed: 0 });
    expect(operator.store.calls['replace']).toBe(4);
  });
});

describe('a record that someone else writes first', () => {
  it.each([1, 2, 3])('is read again, and the step is taken over it: write %i', async (nth) => {
    const [before, operator] = await written();
    let writes = 0;
    operator.store.before = async (method) => {
      if (method === 'replaceRotation' && ++writes === nth) {
        await alterRecord(before, { generationFloor: 5 });
      }
    };
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, epoch: 2, changed: 4 });
    expect(await record(before)).toMatchObject({ generationFloor: 5, state: 'complete' });
  });

  it('every time is left to others in the end', async () => {
    const [before, operator] = await written();
    operator.store.before = async (method) => {
      if (method === 'replaceRotation') await alterRecord(before, { generationFloor: 5 });
    };
    expect(await rejection(rewrap(operator))).toMatchObject({
      code: 'CONTENDED',
      message:
        'Beginning the rotation did not succeed in 8 attempts: other processes were faster; try again',
    });
    expect(await record(before)).toMatchObject({ epoch: 1 });
  });
});

describe('a look-up that fails as well', () => {
  it('leaves the first failure to be reported, and the next pass to see what is stored', async () => {
    const [, operator] = await written();
    const lookup = new StoreError('STORE_UNAVAILABLE', 'still down');
    failOnce(operator, 'replace', 2, 'after');
    let gets = 0;
    operator.store.before = (method) => {
      if (method === 'get' && ++gets === 1) throw lookup;
    };
    const result = await rewrap(operator, { concurrency: 1 });
    expect(ofType(result, 'failed')).toMatchObject([{ error: reset }]);
    expect(result.summary).toMatchObject({ complete: true, failed: 0, unchanged: 4 });
  });

  it('after a lost race has the row read again by the next pass', async () => {
    const before = setup();
    await writeNotes(before, 1);
    const operator = withKeys(before, ['b', 'a']);
    let isFirst = true;
    operator.store.before = async (method) => {
      if (method === 'replace' && isFirst) {
        isFirst = false;
        await alterRow(before, (await rows(before))[0]?.id ?? '', {});
        return;
      }
      if (method !== 'get' || isFirst) return;
      operator.store.before = () => undefined;
      operator.store.after = (called, result) => {
        operator.store.after = (_method, answer) => answer;
        if (called === 'get') throw reset;
        return result;
      };
      throw reset;
    };
    const result = await rewrap(operator);
    expect(ofType(result, 'failed')).toHaveLength(1);
    expect(result.summary).toMatchObject({ complete: true, changed: 1, failed: 0 });
  });

  it('after a lost race is a failure of that row alone', async () => {
    const [before, operator] = await written();
    let replaces = 0;
    operator.store.before = async (method) => {
      if (method === 'get') throw reset;
      if (method !== 'replace' || ++replaces !== 2) return;
      const row = (await rows(before)).find(({ epoch }) => epoch === 1);
      await alterRow(before, row?.id ?? '', {});
      for (const each of await rows(before)) await alterRow(before, each.id, {});
    };
    const result = await rewrap(operator, { concurrency: 1 });
    expect(ofType(result, 'failed').length).toBeGreaterThan(0);
    expect(result.summary).toMatchObject({ complete: true, failed: 0 });
  });
});

describe('a write that did not happen', () => {
  it.each([
    ['beginning', 1],
    ['passing the fence', 2],
    ['completing', 3],
  ])('while %s is an error, and a rerun goes on', async (_what, nth) => {
    const [, operator] = await written();
    failOnce(operator, 'replaceRotation', nth, 'before');
    expect(await rejection(rewrap(operator))).toBe(reset);
    expect((await rewrap(operator)).summary).toMatchObject({ complete: true, epoch: 2 });
  });

  it('to a row is a failure of that row, and the next pass does it', async () => {
    const [before, operator] = await written();
    failOnce(operator, 'replace', 2, 'before');
    const result = await rewrap(operator);
    expect(ofType(result, 'failed')).toMatchObject([{ error: reset, counts: { failed: 1 } }]);
    expect(result.summary).toMatchObject({ complete: true, changed: 4, failed: 0, passes: 4 });
    expect((await takeCensus(before.encryptor)).settled).toBe(true);
  });

  it('in the end leaves a rotation that is not complete', async () => {
    const [before, operator] = await written();
    operator.store.before = (method) => {
      if (method === 'replace') throw reset;
    };
    const contents = await rows(before);
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: false, changed: 0, failed: 4, scanned: 4 });
    expect(await rows(before)).toEqual(contents);
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
  });

  it.each(['list', 'count', 'getRotation'])('because %s failed ends the run', async (method) => {
    const [, operator] = await written();
    failOnce(operator, method, 1, 'before');
    expect(await rejection(rewrap(operator))).toBe(reset);
    expect((await rewrap(operator)).summary.complete).toBe(true);
  });
});

describe('a store that breaks its contract', () => {
  it('by returning the same continuation forever does not hold the rewrap forever', async () => {
    const [, operator] = await written();
    operator.store.after = (method, result) =>
      method === 'list' ? { ...(result as object), continuation: 'again' } : result;
    expect(await rejection(rewrap(operator))).toMatchObject({
      code: 'ADAPTER_CONTRACT',
      message:
        'The DEK store broke rule S7: list returned the same continuation again; fix the adapter',
    });
  });

  it('by acknowledging what it does not write does not hold the rewrap forever', async () => {
    const [before] = await written();
    const operator = withKeys(before, ['b', 'a'], {
      dekStore: new Proxy(before.memory, {
        get: (memory, name) => {
          const member: unknown = Reflect.get(memory, name);
          if (name === 'replace') return () => Promise.resolve({ value: {}, etag: 'e' });
          return typeof member === 'function' ? (member.bind(memory) as unknown) : member;
        },
      }),
    });
    expect(await rejection(rewrap(operator))).toMatchObject({
      code: 'CONTENDED',
      message:
        'A scan of product notelett without a change did not succeed in 100 attempts: other processes were faster; try again',
    });
  });
});
