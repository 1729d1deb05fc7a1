import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/add-recovery-wraps.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { recoveryKeyWorld } from '../../support/command-recovery.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';
import { PAIR } from '../../support/recovery-pairs.js';

describeWritingMode({
  mode: 'add-recovery-wraps',
  schema: resultSchema,
  make: () => recoveryKeyWorld({ notes: 4 }),
  args: () => [],
  question: () =>
    'This adds a wrap for the recovery key to 4 DEK rows of notelett. The holder of the private recovery key can then open every document.',
  expectDone: async (world) => {
    for (const row of await world.rows()) {
      expect(row).toMatchObject({ recoveryWrap: { recoveryKeyId: PAIR.id } });
    }
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: damageRow,
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
});

describe('add-recovery-wraps', () => {
  it('is refused without a recovery key', async () => {
    await using world = await CommandWorld.make({ notes: 1 });
    const { code, stderr } = await world.run(['add-recovery-wraps', '--yes']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'error The configuration of notelett has no "recoveryKey": add the public recovery key\n',
    });
  });
});
