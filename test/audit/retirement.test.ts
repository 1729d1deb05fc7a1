import { describe, expect, it } from 'vitest';
import { checkSinks, newSink } from '../support/audit.js';
import { setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { ask, DAY_MS, left } from '../support/retiring.js';
import { targetOf, withKeys, writeNotes } from '../support/rotations.js';

checkSinks();

describe('a retirement check', () => {
  it('is recorded where the version may be retired', async () => {
    const sink = newSink();
    const [made] = await left();
    await ask(withKeys(made, ['b', 'a'], { audit: { sink } }));
    const mek = { keyProvider: 'env', mekName: 'env', ...(await targetOf('a')) };
    expect(sink.dataOf('retirement.checked')).toMatchObject([
      { mek, retirable: true, reasons: [], epoch: 2 },
    ]);
  });

  it('is recorded with every reason where it may not', async () => {
    const sink = newSink();
    const made = setup({ audit: { sink } });
    await writeNotes(made, 1);
    await rejection(ask(made));
    expect(sink.dataOf('retirement.checked')).toMatchObject([
      { retirable: false, reasons: ['current-target', 'rows'] },
    ]);
  });

  it('says from when on it is possible', async () => {
    const sink = newSink();
    const [made] = await left();
    const operator = withKeys(made, ['b', 'a'], { audit: { sink } });
    await rejection(ask(operator, { backupWindowMs: DAY_MS }));
    const [checked = {}] = sink.dataOf('retirement.checked');
    expect(checked).toMatchObject({ retirable: false, reasons: ['backups'] });
    expect(Date.parse(checked['possibleFrom'] as string)).toBeGreaterThan(made.clock.wallMs());
  });

  it('has no answer where it cannot be recorded', async () => {
    const sink = newSink();
    sink.before = () => Promise.reject(new Error('full'));
    const [made] = await left();
    const failed = ask(withKeys(made, ['b', 'a'], { audit: { sink } }));
    expect(await rejection(failed)).toMatchObject({ code: 'AUDIT_FAILED' });
    const other = setup({ beside: made, audit: { sink } });
    expect(await rejection(ask(other))).toMatchObject({ code: 'AUDIT_FAILED' });
  });

  it('is not recorded where it could not be made', async () => {
    const sink = newSink();
    const [made] = await left();
    const operator = withKeys(made, ['b', 'a'], { audit: { sink } });
    operator.store.before = () => Promise.reject(new Error('gone'));
    await rejection(ask(operator));
    expect(sink.events).toEqual([]);
  });
});
