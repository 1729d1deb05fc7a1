import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { abandonDek, StoreError } from '../../src/index.js';
import type { FenceEvent } from '../../src/run/run-event.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { abandon, abandonConfirmed, damaged, refusalOf } from '../support/abandoning.js';
import {
  contentsOf,
  encryptAny,
  KEY,
  PRODUCT,
  sealed,
  setup,
  type Setup,
  type SetupOptions,
} from '../support/encryptor.js';
import { alterIn, lose, rowIn } from '../support/importing.js';
import { OURS } from '../support/recovery.js';
import { RECORD_KEY } from '../support/records.js';
import { alterRecord, ended, record, rewrap, withKeys } from '../support/rotations.js';
import { tombstone } from '../support/rows.js';

/** The row does not say any more which document it is of. */
const NAMELESS = { scope: ['x'], scopeKind: 'document' };

describe('a damaged row whose scope is unknown', () => {
  it('is deleted, once no writer can create its id again', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    const before = await contentsOf(made.memory);
    const { scope, ...found } = await abandon(operator, dekId);
    expect(found).toMatchObject({ damage: 'altered', leaves: 'nothing', abandoned: false });
    expect(scope).toBeUndefined();
    expect(await contentsOf(made.memory)).toEqual(before);

    const waits: FenceEvent[] = [];
    const onWait = (event: FenceEvent): void => void waits.push(event);
    const startMs = made.clock.monotonicMs();
    const done = await abandon(operator, dekId, { confirm: found.digest, onWait });
    expect(done).toEqual({ ...found, abandoned: true });
    expect(made.clock.monotonicMs() - startMs).toBe(30_000);
    expect(waits).toHaveLength(60);
    expect(waits[0]).toEqual({ type: 'fence', remainingMs: 30_000 });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
    expect(await record(made)).toMatchObject({ generationFloor: 2, epoch: 1, state: 'complete' });

    const sealed = await encryptAny(withKeys(made, ['a']).encryptor, {
      ...KEY,
      id: 'note-0',
      body: 'new',
    });
    expect(sealed['body']).toMatchObject({ dekId: `${dekId.slice(0, 32)}.2` });
    expect((await rewrap(withKeys(made, ['b', 'a']))).summary).toMatchObject({ complete: true });
  });

  it('is not deleted before the floor is raised, nor before the fence is over', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    const order: string[] = [];
    operator.store.before = (method) => {
      if (/^(replace|delete)/.test(method)) {
        order.push(`${method} at ${String(made.clock.monotonicMs())}`);
      }
    };
    const startMs = made.clock.monotonicMs();
    await abandonConfirmed(operator, dekId);
    expect(order).toEqual([
      `replaceRotation at ${String(startMs)}`,
      `delete${dekId.slice(0, 1).toUpperCase()}${dekId.slice(1)} at ${String(startMs + 30_000)}`,
    ]);
  });

  it('a run that was stopped continues, waits again, and raises nothing twice', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    const { digest: confirm } = await abandon(operator, dekId);
    const controller = new AbortController();
    const onWait = (): void => {
      controller.abort(new Error('enough'));
    };
    const stopped = abandonDek(operator.encryptor, dekId, {
      confirm,
      onWait,
      signal: controller.signal,
    });
    await expect(ended(stopped, made.clock)).rejects.toThrow('enough');
    expect(await rowIn(made.memory, dekId)).toBeDefined();
    expect(await record(made)).toMatchObject({ generationFloor: 2 });

    operator.store.reset();
    const startMs = made.clock.monotonicMs();
    expect(await abandon(operator, dekId, { confirm })).toMatchObject({ abandoned: true });
    expect(made.clock.monotonicMs() - startMs).toBe(30_000);
    expect(operator.store.calls['replaceRotation']).toBeUndefined();
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('is refused where the row is written during the wait', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    const { digest: confirm } = await abandon(operator, dekId);
    const onWait = (): void => void alterIn(made.memory, dekId, { scope: ['y'] });
    expect(await refusalOf(operator, dekId, { confirm, onWait })).toBe(
      'its row was written meanwhile: call again without "confirm"',
    );
    expect(await rowIn(made.memory, dekId)).toMatchObject({ scope: ['y'] });
  });

  it('recognises its own delete where the answer was lost', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    operator.store.after = (method, result) => {
      if (method.startsWith('delete')) throw new StoreError('STORE_UNAVAILABLE', 'lost');
      return result;
    };
    expect(await abandonConfirmed(operator, dekId)).toMatchObject({ abandoned: true });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('never lowers a floor, and reads a record that another process writes meanwhile', async () => {
    const { made, dekId, operator } = await damaged(NAMELESS);
    const { digest: confirm } = await abandon(operator, dekId);
    let isFirst = true;
    operator.store.before = async (method) => {
      if (method !== 'replaceRotation' || !isFirst) return;
      isFirst = false;
      await alterRecord(made, { generationFloor: 9 });
    };
    await abandon(operator, dekId, { confirm });
    expect(await record(made)).toMatchObject({ generationFloor: 9 });
    expect(await rowIn(made.memory, dekId)).toBeUndefined();
  });

  it('of a generation that is not credible raises nothing, and leaves no tombstone', async () => {
    const { made, operator } = await damaged({});
    const forged = tombstone(['notes', 'ws-1', 'note-0'], 2 ** 30);
    await made.memory.create({ ...forged, shreddedAt: 'yesterday' });
    const startMs = made.clock.monotonicMs();
    expect(await abandonConfirmed(operator, forged.id)).toMatchObject({
      damage: 'altered',
      leaves: 'nothing',
      scope: forged.scope,
    });
    expect(made.clock.monotonicMs()).toBe(startMs);
    expect(await rowIn(made.memory, forged.id)).toBeUndefined();
    expect(await record(made)).toMatchObject({ generationFloor: 1 });
  });
});

describe('what a SQLite file holds that is no JSON', () => {
  const TEXT = '{"id": "half a row';

  interface Broken {
    readonly dekId: string;
    readonly operator: Setup;
    /** Writes a text over the row. */
    readonly overwrite: (textOf: (item: string) => string) => void;
  }

  async function inFile(options: SetupOptions): Promise<Broken> {
    const handle = new Database(':memory:');
    const dekStore = new SqliteDekStore(handle);
    const made = setup({ ...options, dekStore, memory: dekStore as never });
    const { dekId } = await sealed(made.encryptor, 'text');
    const overwrite = (textOf: (item: string) => string): void => {
      const read = handle.prepare('SELECT item FROM dek_store WHERE id = ?');
      const { item } = read.get(dekId) as { item: string };
      handle.prepare('UPDATE dek_store SET item = ? WHERE id = ?').run(textOf(item), dekId);
    };
    return { dekId, operator: withKeys(made, ['a'], { ...options, dekStore }), overwrite };
  }

  it.each([{}, { recordKey: RECORD_KEY }])('is abandoned too, with %j', async (options) => {
    const { dekId, operator, overwrite } = await inFile(options);
    overwrite(() => TEXT);
    const found = await abandon(operator, dekId);
    expect(found).toMatchObject({ damage: 'altered', stored: TEXT, leaves: 'nothing' });
    await abandon(operator, dekId, { confirm: found.digest });
    const { dekStore } = operator.encryptor;
    expect(await dekStore.get(dekId)).toBeUndefined();
    expect(await dekStore.count({ product: PRODUCT })).toBe(0);
  });

  it('or is the JSON of another item: its wraps are tried, and its scope is read', async () => {
    const { dekId, operator, overwrite } = await inFile(OURS);
    overwrite((item) => item.replace(`"id":"${dekId}"`, `"id":"${dekId}0"`));
    expect(await refusalOf(operator, dekId)).toMatch(/^its row has a recovery wrap/);
    overwrite((item) => item.replace('"recoveryWrap"', '"lostWrap"'));
    expect(await abandon(operator, dekId)).toMatchObject({
      damage: 'altered',
      scope: ['notes', 'ws-1', 'note-1'],
      leaves: 'tombstone',
      wrapOpens: true,
    });
  });
});

it('is refused where the store does not return what it cannot decode', async () => {
  const { made, dekId } = await damaged({});
  const error = new StoreError('STORE_FAILED', 'it is garbled');
  const undecoded = new Map([[dekId, { value: undefined, etag: '"1"', error }]]);
  const dekStore = Object.assign(new MemoryDekStore(), {
    getMany: () => Promise.resolve(undecoded),
    getItem: made.memory.getItem.bind(made.memory),
  });
  expect(await refusalOf(withKeys(made, ['a'], { dekStore }), dekId)).toBe(
    'the store does not return what is stored: read and delete the item by hand',
  );
  await lose(made, dekId);
});
