import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandWorld } from '../support/command-world.js';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 1 });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const CONFIG = `import { readFileSync } from 'node:fs';
const file = new URL('./encrypt-migrate.config.json', import.meta.url);
const config = JSON.parse(readFileSync(file, 'utf8'));
`;

function statusWith(code: string) {
  world.write('notes.mjs', CONFIG + code);
  return world.run(['status', '--config', 'notes.mjs', '--json']);
}

describe('the output of the command', () => {
  it('does not have in it what code of the configuration logs', async () => {
    const { code, stdout, stderr } = await statusWith(
      "console.log('loaded'); export default config;",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ mode: 'status', outcome: 'done' });
    expect(stderr).toContain('loaded\n');
  });

  it.each([
    ['ends the process', 'process.exit(0);'],
    ['never ends', 'await new Promise(() => undefined);'],
    ['promises what never comes', 'export default new Promise(() => undefined);'],
  ])('says so where code of the configuration %s', async (_, script) => {
    const { code, stdout, stderr } = await statusWith(script);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(
      'error The command ended before its mode did: code of the configuration ended the process, or waits for what never comes. Correct that code\n',
    );
  });

  it('has the error of SQLite, where a table is another one', async () => {
    const dekStore = { type: 'sqlite', file: 'notes.sqlite', table: 'notes', driver: 'libsql' };
    world.write('wrong.json', JSON.stringify({ products: { notelett: { dekStore } } }));
    const { code, stderr } = await world.run(['status', '--config', 'wrong.json']);
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr:
        'error SQLite failed on the table "notes": its own error is the cause of this one (SQLITE_ERROR: no such column: scope_id)\n',
    });
  });
});
