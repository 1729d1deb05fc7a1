/** Needs the built package. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CommandWorld, PRODUCT } from '../support/command-world.js';

const ROOT = join(import.meta.dirname, '../..');

it('runs in a workspace, by the script and the flags that operators know', async () => {
  await using world = await CommandWorld.make({ notes: 5, isPacked: true });
  mkdirSync(join(world.folder, 'scripts'));
  cpSync(
    join(ROOT, 'examples/scripts/encrypt-migrate.ts'),
    join(world.folder, 'scripts/encrypt-migrate.ts'),
  );
  const scripts = { 'encrypt-migrate': 'tsx scripts/encrypt-migrate.ts' };
  world.write('package.json', JSON.stringify({ type: 'module', private: true, scripts }));
  const { old, new: target } = world.versions;
  // pnpm passes the `--` on to the script; npm drops the first one.
  const dashes = ['--', '--'];
  const args = ['--product', PRODUCT, '--mode', 'rewrap-deks'];
  const versions = ['--old-mek-version', old, '--new-mek-version', target];
  const { stdout } = await promisify(execFile)(
    'npm',
    ['run', '--silent', 'encrypt-migrate', ...dashes, ...args, ...versions, '--json'],
    { cwd: world.folder, env: { ...process.env, ...world.env } },
  );
  expect(JSON.parse(stdout)).toMatchObject({
    mode: 'rewrap-deks',
    product: PRODUCT,
    exitCode: 0,
    result: { runs: [{ summary: { complete: true, changed: 5 } }] },
  });
  const found = (await world.rows()).map(({ mekVersion }) => mekVersion);
  expect(new Set(found)).toEqual(new Set([target]));
});
