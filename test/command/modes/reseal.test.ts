import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/reseal.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { recordKeyWorld } from '../../support/command-recovery.js';
import { CommandWorld } from '../../support/command-world.js';

describeWritingMode({
  mode: 'reseal',
  schema: resultSchema,
  make: () => recordKeyWorld({ notes: 4 }),
  args: () => [],
  question: () =>
    'This gives 4 DEK rows of notelett, and its other records, a mac under the current record key. Processes without that key can then read none of them.',
  expectDone: async (world) => {
    const rows = await world.rows();
    expect(rows).toHaveLength(4);
    for (const row of rows) expect(row).toHaveProperty('mac');
  },
  breakOne: damageRow,
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
});

describe('reseal', () => {
  it('is refused without a record key', async () => {
    await using world = await CommandWorld.make({ notes: 1 });
    const { code, stderr } = await world.run(['reseal', '--yes']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'error The configuration of notelett has no "recordKey": add the variable with the record key\n',
    });
  });
});
