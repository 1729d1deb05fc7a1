import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema as checkSchema } from '../../../command/modes/config-check.js';
import { resultSchema as showSchema } from '../../../command/modes/config-show.js';
import { reportIn } from '../../support/command-report.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { CommandWorld } from '../../support/command-world.js';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const FILE = 'encrypt-migrate.config.json';

describe('config check', () => {
  it('opens what is configured', async () => {
    const outcome = await world.run(['config', 'check', '--json']);
    expect(outcome.code).toBe(0);
    expect(reportIn(outcome, checkSchema)).toMatchObject({
      mode: 'config check',
      result: {
        file: join(world.folder, FILE),
        products: ['notelett'],
        parts: [
          { path: 'audit', is: `the file ${join(world.folder, 'audit.jsonl')}` },
          { path: 'products.notelett.dekStore' },
          {
            path: 'products.notelett.providers[0]',
            is: 'keys in NOTES_KEY and NOTES_PREVIOUS_KEYS',
          },
          { path: 'products.notelett.collections.notes' },
        ],
      },
    });
  });

  it('changes no file', async () => {
    const before = fingerprint(world);
    expect((await world.run(['config', 'check'])).code).toBe(0);
    expect(fingerprint(world)).toEqual(before);
  });

  it('ends with 2 and every problem', async () => {
    rmSync(join(world.folder, 'notes.sqlite'));
    const env = { NOTES_KEY: undefined };
    const { code, stderr } = await world.run(['config', 'check'], { env });
    expect(code).toBe(2);
    const file = join(world.folder, FILE);
    expect(stderr).toContain(
      `- ${file}: products.notelett.providers[0].key: the variable NOTES_KEY is not set\n`,
    );
    expect(stderr).toContain(
      `- ${file}: products.notelett.collections.notes.documentStore.file: ${world.folder}/notes.sqlite is not there`,
    );
  });

  it('reads the file of --config, or of its variable', async () => {
    const file = world.write('other.json', '{ "products": {} }');
    const env = { ENCRYPT_MIGRATE_CONFIG: 'other.json' };
    for (const outcome of [
      await world.run(['config', 'check', '--config', 'other.json']),
      await world.run(['config', 'check'], { env }),
    ]) {
      expect(outcome.code).toBe(2);
      expect(outcome.stderr).toContain(`${file}: products: needs at least one product`);
    }
  });
});

describe('config show', () => {
  it('shows each value with its source, and hides keys', async () => {
    const outcome = await world.run(['config', 'show', '--json']);
    expect(outcome.code).toBe(0);
    const { result } = reportIn(outcome, showSchema);
    const { values } = showSchema.parse(result);
    expect(values).toContainEqual({
      path: 'products.notelett.providers[0].key',
      state: 'hidden',
      source: { kind: 'variable', name: 'NOTES_KEY' },
    });
    expect(values).toContainEqual({
      path: 'products.notelett.fenceTtlMs',
      state: 'shown',
      value: 1_000,
      source: { kind: 'file' },
    });
    const { stdout } = await world.run(['config', 'show']);
    expect(stdout).toContain('(set, hidden)');
    expect(stdout).toContain('variable NOTES_KEY');
  });

  it('ends with 2 for a product that is not configured', async () => {
    const { code, stderr } = await world.run(['config', 'show', '--product', 'notelet']);
    expect(code).toBe(2);
    expect(stderr).toContain('has no product "notelet": did you mean notelett?');
  });
});
