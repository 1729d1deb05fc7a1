import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runOnTerminal, squeezed } from '../../support/command-terminal.js';
import { CommandWorld } from '../../support/command-world.js';

const CTRL_C = '\u0003';
const LONG_AGO = ['--created-before', '2026-01-01T00:00:00Z'];
const FIRST = 'Every DEK that existed when it began is replaced. Continue?';
const SECOND = 'can never be read again. Type notelett to continue:';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 3 });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function stateOfRows(): Promise<ReadonlySet<unknown>> {
  return new Set((await world.rows()).map(({ state }) => state));
}

describe('a mode on a terminal', () => {
  it('begins after a yes', async () => {
    const { code } = await runOnTerminal(world, ['re-encrypt', ...LONG_AGO], [[FIRST, 'y']]);
    expect(code).toBe(0);
    expect(await stateOfRows()).toEqual(new Set(['active', 'retired']));
  });

  it.each([
    ['a no', 'n'],
    ['the return key, as no is proposed', '\r'],
    ['Ctrl-C', CTRL_C],
  ])('does nothing after %s, and exits with 130', async (_, typed) => {
    const { code, screen } = await runOnTerminal(
      world,
      ['re-encrypt', ...LONG_AGO],
      [[FIRST, typed]],
    );
    expect(code).toBe(130);
    expect(squeezed(screen)).toContain(squeezed('Stopped by the operator: nothing was done'));
    expect(await stateOfRows()).toEqual(new Set(['active']));
  });

  it('asks in whole lines on a terminal without a size, as containers have them', async () => {
    const size = { columns: 0, rows: 0 };
    const { screen } = await runOnTerminal(
      world,
      ['re-encrypt', ...LONG_AGO],
      [[FIRST, 'n']],
      size,
    );
    expect(screen).toContain('Continue?');
  });

  it('asks twice before it shreds: a yes, and the name of the product', async () => {
    const args = ['re-encrypt', ...LONG_AGO, '--shred'];
    const { code } = await runOnTerminal(world, args, [
      [FIRST, 'y'],
      [SECOND, 'notelett\r'],
    ]);
    expect(code).toBe(0);
    expect(await stateOfRows()).toEqual(new Set(['active', 'shredded']));
  });

  it.each([
    ['another name', 'notelet\r'],
    ['a yes', 'y\r'],
    ['nothing', '\r'],
    ['Ctrl-C', CTRL_C],
  ])('does not shred after %s', async (_, typed) => {
    const args = ['re-encrypt', ...LONG_AGO, '--shred'];
    const { code } = await runOnTerminal(world, args, [
      [FIRST, 'y'],
      [SECOND, typed],
    ]);
    expect(code).toBe(130);
    expect(await stateOfRows()).toEqual(new Set(['active']));
  });

  it('ends the question when it is stopped by a signal, and does nothing', async () => {
    const preload = world.write(
      'preload.mjs',
      `const { stderr } = process;
      const { write } = stderr;
      let screen = '';
      stderr.write = (text, ...rest) => {
        screen += text;
        if (screen.includes('Continue?')) {
          screen = '';
          stderr.write = write;
          setImmediate(() => process.kill(process.pid, 'SIGTERM'));
        }
        return write.call(stderr, text, ...rest);
      };`,
    );
    const { code, screen } = await runOnTerminal(world, ['re-encrypt', ...LONG_AGO], [], {
      variables: { NODE_OPTIONS: `--import=${preload}` },
    });
    expect(code).toBe(130);
    expect(screen).toContain('error Stopped by SIGTERM');
    expect(await stateOfRows()).toEqual(new Set(['active']));
  });

  it('takes encryption away after the name of the product alone', async () => {
    const asked = 'others encrypt again what they write. Type notelett to continue:';
    const no = await runOnTerminal(world, ['remove-encryption'], [[asked, 'yes\r']]);
    expect(no.code).toBe(130);
    const yes = await runOnTerminal(world, ['remove-encryption'], [[asked, 'notelett\r']]);
    expect(yes.code).toBe(0);
    const { items } = await world.notes.list();
    for (const { document } of items) expect(typeof document.body).toBe('string');
  });

  it('does not ask in a dry run, nor with --yes', async () => {
    for (const flag of ['--dry-run', '--yes']) {
      const { code, screen } = await runOnTerminal(world, ['encrypt', flag], []);
      expect(code).toBe(0);
      expect(screen).not.toContain('?');
    }
  });

  it('does not take --yes from a variable', async () => {
    const { code, stderr } = await world.run(['encrypt'], { env: { ENCRYPT_MIGRATE_YES: 'true' } });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'error The variable ENCRYPT_MIGRATE_YES does not exist: --yes has to be in the command line\n',
    });
  });
});
