import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { MEK_VERSION, PRODUCT, setup } from '../../support/encryptor.js';
import { liveRows } from '../../support/previous-wraps.js';
import { prune } from '../../support/pruning.js';
import {
  alterRecord,
  alterRow,
  envKeys,
  pullUntil,
  record,
  rewrap,
  rollBack,
  rows,
  start,
  targetOf,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';
import { ask, DAY_MS, left, reasonsOf } from '../../support/retiring.js';

async function dekOf(row: LiveDekRow | undefined): Promise<Uint8Array> {
  if (!row) throw new Error('There is no row');
  return envKeys('b').unwrapKey(row);
}

describe('backups', () => {
  it('need it until the window has passed since the last row left it', async () => {
    const [, operator] = await left();
    const until = '2026-11-24T10:00:30.000Z';
    const options = { backupWindowMs: DAY_MS };
    expect(await reasonsOf(operator, options)).toEqual([
      {
        type: 'backups',
        leftAt: '2026-11-23T10:00:30.000Z',
        until,
        message: `backups of the DEK store made before 2026-11-23T10:00:30.000Z need it until ${until}; wait for them to expire`,
      },
    ]);
    operator.clock.advance(Date.parse(until) - operator.clock.wallMs() - 1);
    expect(await reasonsOf(operator, options)).toMatchObject([{ type: 'backups', until }]);
    operator.clock.advance(1);
    expect(await ask(operator, options)).toMatchObject({ leftAt: '2026-11-23T10:00:30.000Z' });
  });

  it('need it for longer where a row was moved long after the rotation', async () => {
    const [made, operator] = await left();
    const [first] = await liveRows(made);
    operator.clock.advance(DAY_MS);
    await alterRow(made, first?.id ?? '', { rewrappedAt: '2026-11-24T09:00:00.000Z' });
    expect(await reasonsOf(operator, { backupWindowMs: DAY_MS })).toMatchObject([
      { leftAt: '2026-11-24T09:00:00.000Z', until: '2026-11-25T09:00:00.000Z' },
    ]);
  });

  it('do not need it for longer because of later rotations', async () => {
    const [made, operator] = await left();
    operator.clock.advance(2 * DAY_MS);
    const later = withKeys(made, ['c', 'b', 'a']);
    await rewrap(later);
    const report = await ask(later, { backupWindowMs: DAY_MS });
    expect(report).toMatchObject({ epoch: 3, leftAt: '2026-11-23T10:00:30.000Z' });
    expect(
      await reasonsOf(later, { mek: await targetOf('b'), backupWindowMs: DAY_MS }),
    ).toMatchObject([
      { type: 'previous-wraps' },
      { type: 'backups', leftAt: '2026-11-25T10:01:00.001Z' },
    ]);
  });

  it('need it from the rotation that finished, not from those that were taken over', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const stopped = await start(withKeys(made, ['b', 'a']));
    await pullUntil(stopped, made.clock, 'pass');
    made.clock.advance(DAY_MS);
    const later = withKeys(made, ['c', 'b', 'a']);
    await rewrap(later, { takeOver: true });
    await prune(later);
    const report = await ask(later);
    expect(report.leftAt).toBe((await record(made)).completedAt);
  });

  it.each([
    ['under it', 'rows', { mekVersion: MEK_VERSION }],
    ['that cannot be read', 'unreadable-rows', { schema: 2 }],
  ])('need it for longer than can be said while there is a row %s', async (_what, type, change) => {
    const [made, operator] = await left();
    const [one] = await rows(made);
    await alterRow(made, one?.id ?? '', change);
    const reasons = await reasonsOf(operator, { backupWindowMs: DAY_MS });
    expect(reasons.map((each) => each.type)).toEqual([type, 'backups']);
    expect(reasons[1]).not.toHaveProperty('leftAt');
  });

  it('need it from when it was left last, if it was gone back to', async () => {
    const [, operator] = await left();
    await rollBack(operator, 'a');
    operator.clock.advance(DAY_MS);
    await rewrap(operator);
    await prune(operator);
    expect(await ask(operator)).toMatchObject({ leftAt: '2026-11-24T10:01:30.001Z' });
  });

  it('need it from when a row left it that the rotation had missed', async () => {
    const [made, operator] = await left();
    const [one] = await liveRows(made);
    const missed = await envKeys('a').wrapKey(await dekOf(one), await targetOf('a'));
    await alterRow(made, one?.id ?? '', { ...missed, epoch: 1 });
    operator.clock.advance(DAY_MS);
    await rewrap(withKeys(made, ['c', 'b', 'a']));
    expect(await reasonsOf(operator, { backupWindowMs: DAY_MS })).toMatchObject([
      { type: 'previous-wraps', rows: 1 },
      { type: 'backups', leftAt: (await liveRows(made))[0]?.rewrappedAt },
    ]);
  });

  it('count from the oldest finished rotation that is known, for a version that is not', async () => {
    const [made, operator] = await left();
    const { history } = await record(made);
    expect(history).toMatchObject([{ completedAt: '2026-11-23T10:00:00.000Z' }]);
    const mek = await targetOf('c');
    expect(await ask(operator, { mek, allowUnknown: true })).toMatchObject({
      leftAt: '2026-11-23T10:00:00.000Z',
    });
  });

  it('are not let go early by a time that a slow clock wrote', async () => {
    const [made, operator] = await left();
    const { history } = await record(made);
    const [first] = history;
    await alterRecord(made, {
      startedAt: '2026-11-20T10:00:00.000Z',
      completedAt: '2026-11-20T10:00:30.000Z',
      history: [{ ...first, startedAt: '2026-11-23T09:00:00.000Z' }],
    });
    for (const { id } of await rows(made)) {
      await alterRow(made, id, { rewrappedAt: '2026-11-20T10:00:30.000Z' });
    }
    expect(await ask(operator)).toMatchObject({ leftAt: '2026-11-23T10:00:00.000Z' });
  });

  it('are not let go at all while a time is one to come', async () => {
    const [made, operator] = await left();
    await alterRecord(made, { completedAt: '2026-12-01T00:00:00.000Z' });
    expect(await reasonsOf(operator)).toMatchObject([
      { type: 'backups', until: '2026-12-01T00:00:00.000Z' },
    ]);
    await alterRecord(made, { completedAt: '2026-11-23T10:00:30.000Z' });
    const [one] = await rows(made);
    await alterRow(made, one?.id ?? '', { rewrappedAt: '2026-12-02T00:00:00.000Z' });
    expect(await reasonsOf(operator)).toMatchObject([
      { type: 'backups', until: '2026-12-02T00:00:00.000Z' },
    ]);
  });

  it('are not let go where the record does not say when it was complete', async () => {
    const [made, operator] = await left();
    const item = await made.memory.getRotation(PRODUCT);
    const { completedAt, ...value } = await record(made);
    expect(completedAt).toBeDefined();
    await made.memory.replaceItem(value, item?.etag ?? '');
    expect(await reasonsOf(operator, { backupWindowMs: DAY_MS })).toMatchObject([
      { type: 'backups' },
    ]);
    expect(await ask(operator)).not.toHaveProperty('leftAt');
  });
});
