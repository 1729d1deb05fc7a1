import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import {
  assertRetirable,
  prunePreviousWraps,
  rollbackRotation,
  type RewrapSummary,
} from '../../../src/index.js';
import { note } from '../../support/encryptor.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import { VaultWorld, type Product } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const ROWS = 12;

let world: VaultWorld;
let second: string;

beforeEach(async () => {
  world = await VaultWorld.start();
  second = await world.rotate();
});

afterEach(() => world.stop());

async function rotated(): Promise<Product> {
  const made = await world.product(world.provider({ mekVersion: world.first }), ROWS);
  await world.rewrap(made.encryptor, { target: { mekVersion: second } });
  return made;
}

async function rollBack({ encryptor }: Product): Promise<RewrapSummary> {
  const rolling = rollbackRotation(encryptor, { target: { mekVersion: world.first } });
  let step = await rolling.next();
  while (!step.done) step = await rolling.next();
  return step.value;
}

describe.each(someOf(['vault', 'local'] as const))('a rollback with wrapMode %s', (wrapMode) => {
  it('asks the vault for a round trip and one wrap before, and for nothing of any row', async () => {
    const made = await rotated();
    const operator = world.provider({ wrapMode });
    world.forget();
    const encryptor = world.encryptor(made.memory, operator);
    const summary = await rollBack({ ...made, encryptor });
    expect(summary).toMatchObject({ complete: true, changed: ROWS, flipped: ROWS, failed: 0 });
    const { server } = world;
    expect(server.count('wrapKey')).toBe(wrapMode === 'vault' ? 1 : 0);
    expect(server.count('unwrapKey')).toBe(2);
    expect(server.count()).toBe(server.count('get') + server.count('wrapKey') + 2);
    await world.expectReadable(made, world.provider());
  });

  it('succeeds for rows from before though the version to be left is disabled', async () => {
    const made = await rotated();
    await made.encryptor.encryptDocument(note, { workspaceId: 'w', id: 'since', body: 'text' });
    world.server.updateKey(MEK_NAME, second, { enabled: false });
    const operator = world.encryptor(made.memory, world.provider({ wrapMode }));
    const summary = await rollBack({ ...made, encryptor: operator });
    expect(summary).toMatchObject({ complete: false, flipped: ROWS, failed: 1 });
    await world.expectReadable(made, world.provider());
    world.server.updateKey(MEK_NAME, second, { enabled: true });
    const rerun = await rollBack({ ...made, encryptor: operator });
    expect(rerun).toMatchObject({ complete: true, changed: 1, flipped: 0 });
    const versions = (await world.rows(made.memory)).map((row) => (row as LiveDekRow).mekVersion);
    expect(new Set(versions)).toEqual(new Set([world.first]));
  });

  it('writes nothing while the version to go back to is disabled', async () => {
    const made = await rotated();
    world.server.updateKey(MEK_NAME, world.first, { enabled: false });
    const operator = world.encryptor(made.memory, world.provider({ wrapMode }));
    await world.expectNothingWritten(made.memory, 'MEK_DISABLED', () =>
      rollBack({ ...made, encryptor: operator }),
    );
  });
});

describe('retiring a version', () => {
  it('asks the vault for one unwrap of each row that is pruned, and needs it no more', async () => {
    const made = await rotated();
    // It has its token already: without one, a first request more is counted.
    const { encryptor } = made;
    const mek = { mekVersion: world.first };
    world.clock.advance(1);
    world.forget();
    const rewrappedBefore = new Date(world.clock.wallMs());
    const pruning = prunePreviousWraps(encryptor, { rewrappedBefore });
    let step = await pruning.next();
    while (!step.done) step = await pruning.next();
    expect(step.value).toMatchObject({ complete: true, changed: ROWS });
    const { server } = world;
    expect([server.count('unwrapKey'), server.count('wrapKey')]).toEqual([ROWS, 0]);
    world.forget();
    await assertRetirable(encryptor, { mek, backupWindowMs: 0 });
    expect(server.count()).toBe(0);
    server.updateKey(MEK_NAME, world.first, { enabled: false });
    await world.expectReadable(made, world.provider());
    await world.expectNothingWritten(made.memory, 'MEK_DISABLED', () => rollBack(made));
  });
});
