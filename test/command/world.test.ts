import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../command/modes/rewrap-deks.js';
import { reportIn } from '../support/command-report.js';
import { CommandWorld, noteOf } from '../support/command-world.js';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 3 });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('the built command', () => {
  it('rotates every row of a product in SQLite files to the new version, and every note is read as it was', async () => {
    const { old, new: target } = world.versions;
    expect((await world.rows()).map((row) => row['mekVersion'])).toEqual([old, old, old]);
    const outcome = await world.run(['rewrap-deks', '--new-mek-version', target, '--json']);
    expect(outcome.code).toBe(0);
    const report = reportIn(outcome, resultSchema);
    expect(report).toMatchObject({ mode: 'rewrap-deks', product: 'notelett', outcome: 'done' });
    expect((await world.rows()).map((row) => row['mekVersion'])).toEqual([target, target, target]);
    expect(await world.readNotes()).toEqual([noteOf(0), noteOf(1), noteOf(2)]);
  });
});
