import { KeyClient } from '@azure/keyvault-keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import type { RewrapEvent } from '../../../src/index.js';
import { rewrapAllDeks } from '../../../src/index.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import type { VaultRequest } from '../../support/azure/key-vault/request-log.js';
import { note } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { VaultWorld, type Product, type Run } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const ROWS = 4;

let world: VaultWorld;
let second: string;

beforeEach(async () => {
  world = await VaultWorld.start();
  second = await world.rotate();
});

afterEach(() => world.stop());

/** The unwrap of the row of that number, counted from 1, after the one before the beginning. */
function atRow(number: number): (request: VaultRequest) => boolean {
  let rows = -1;
  return ({ operation, version, authorized }) =>
    authorized && operation === 'unwrapKey' && version === world.first && ++rows === number;
}

async function product(): Promise<Product> {
  return world.product(world.provider({ mekVersion: world.first }), ROWS);
}

function rotate({ encryptor }: Product, options: object = {}): Promise<Run> {
  return world.rewrap(encryptor, { target: { mekVersion: second }, concurrency: 1, ...options });
}

/** Rows that failed are as they were before; the others have all of the new wrap, and the old. */
async function expectNoneHalfWritten({ memory }: Product, before: unknown): Promise<number> {
  const earlier = new Map((before as LiveDekRow[]).map((row) => [row.id, row]));
  let untouched = 0;
  for (const row of (await world.rows(memory)) as LiveDekRow[]) {
    const old = earlier.get(row.id);
    if (row.mekVersion === world.first) {
      expect(row).toEqual(old);
      untouched += 1;
    } else {
      expect(row).toMatchObject({ mekVersion: second, commitment: old?.commitment });
      expect(row.previousWrap).toMatchObject({
        wrappedDek: old?.wrappedDek,
        mekVersion: world.first,
      });
    }
  }
  return untouched;
}

describe.each(someOf(['vault', 'local'] as const))('a rotation with wrapMode %s', (wrapMode) => {
  it.each(
    someOf([
      ['all', ROWS],
      ['first', 1],
      ['none', 0],
    ] as const),
  )('and verify %s makes the requests that it should', async (verify, verified) => {
    const made = await product();
    world.forget();
    const operator = world.provider({ wrapMode });
    const encryptor = world.encryptor(made.memory, operator);
    const run = await rotate({ ...made, encryptor }, { verify });
    expect(run.summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
    const { server } = world;
    // One request asks for a token, and one looks at the target; both and a wrap are the round trip.
    expect(server.challenges).toBe(1);
    expect(server.count('get')).toBe(2);
    expect(server.count('wrapKey')).toBe(wrapMode === 'vault' ? 1 + ROWS : 0);
    expect(server.count('unwrapKey')).toBe(2 + ROWS + verified);
    expect(server.count()).toBe(
      server.count('get') + server.count('wrapKey') + server.count('unwrapKey'),
    );
    await world.expectReadable(made, operator);
    server.updateKey(MEK_NAME, world.first, { enabled: false });
    await world.expectReadable(made, world.provider());
  });

  it('that is finished sends the vault only the round trip', async () => {
    const made = await product();
    await rotate(made);
    world.forget();
    const operator = world.provider({ wrapMode });
    const run = await rotate({ ...made, encryptor: world.encryptor(made.memory, operator) });
    expect(run.summary).toMatchObject({ complete: true, changed: 0, unchanged: ROWS });
    const wraps = wrapMode === 'vault' ? ['wrapKey'] : [];
    expect(world.server.requests.map(({ operation }) => operation)).toEqual([
      ...['get', 'get', ...wraps, 'unwrapKey'],
    ]);
  });

  it('goes on after the key was deleted and recovered in the middle', async () => {
    const made = await product();
    const before = await world.rows(made.memory);
    const operator = world.provider({ wrapMode });
    const again = { ...made, encryptor: world.encryptor(made.memory, operator) };
    const remove = (): void => {
      world.server.deleteKey(MEK_NAME);
    };
    world.fault({ first: remove }, atRow(3), 1);
    const run = await rotate(again);
    expect(run.summary).toMatchObject({ complete: false, changed: 2, failed: 2 });
    for (const error of run.errors) expect(error).toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });
    expect(await expectNoneHalfWritten(made, before)).toBe(2);
    world.server.recoverKey(MEK_NAME);
    const rerun = await rotate(again);
    expect(rerun.summary).toMatchObject({ complete: true, changed: 2, failed: 0 });
    await world.expectReadable(made, operator);
  });
});

describe('a version that is disabled in mid-run', () => {
  it.each(
    someOf([
      ['vault', 'refused', 'wrapKey'],
      ['vault', 'allowed', 'unwrapKey'],
      ['local', 'refused', 'unwrapKey'],
    ] as const),
  )(
    'and is the target: rows fail and stay, and a rerun ends it (%s, wrap %s)',
    async (wrapMode, wrapOnDisabled, refusedAt) => {
      world.server.behaviour.wrapOnDisabled = wrapOnDisabled;
      const made = await product();
      const before = await world.rows(made.memory);
      const operator = world.provider({ wrapMode, stateTtlMs: 3_600_000 });
      const again = { ...made, encryptor: world.encryptor(made.memory, operator) };
      world.fault({ disableFirst: second }, atRow(3), 1);
      const run = await rotate(again);
      expect(run.summary).toMatchObject({ complete: false, changed: 2, failed: 2 });
      for (const error of run.errors) {
        expect(error).toMatchObject({
          code: 'MEK_DISABLED',
          message: `${refusedAt} on ${world.address(second)} was refused: the version is disabled; enable it again, or rotate to another`,
        });
      }
      expect(await expectNoneHalfWritten(made, before)).toBe(2);
      world.server.updateKey(MEK_NAME, second, { enabled: true });
      const rerun = await rotate(again);
      expect(rerun.summary).toMatchObject({ complete: true, changed: 2, failed: 0 });
      await world.expectReadable(made, operator);
    },
  );

  it('and is the target of rewraps that nothing verifies: enabling it again loses nothing', async () => {
    world.server.behaviour.wrapOnDisabled = 'allowed';
    const made = await product();
    const before = await world.rows(made.memory);
    world.fault({ disableFirst: second }, atRow(3), 1);
    const run = await rotate(made, { verify: 'none' });
    expect(run.summary).toMatchObject({ changed: ROWS, failed: 0 });
    expect(await expectNoneHalfWritten(made, before)).toBe(0);
    const reader = world.encryptor(made.memory, world.provider());
    expect(await rejection(reader.decryptDocument(note, made.stored[0] as never))).toMatchObject({
      code: 'MEK_DISABLED',
    });
    world.server.updateKey(MEK_NAME, second, { enabled: true });
    await world.expectReadable(made, world.provider());
  });

  it('and is the source: rows fail and stay, and a rerun ends it when it is enabled', async () => {
    const made = await product();
    const before = await world.rows(made.memory);
    world.fault({ disableFirst: world.first }, atRow(3), 1);
    const run = await rotate(made);
    expect(run.summary).toMatchObject({ complete: false, changed: 2, failed: 2 });
    for (const error of run.errors) {
      expect(error).toMatchObject({ code: 'MEK_DISABLED', retryable: false });
    }
    expect(await expectNoneHalfWritten(made, before)).toBe(2);
    world.server.updateKey(MEK_NAME, world.first, { enabled: true });
    expect((await rotate(made)).summary).toMatchObject({ complete: true, changed: 2 });
    await world.expectReadable(made, world.provider());
  });

  it('and is the source of what another process rewrapped already is no failure of a reader', async () => {
    const made = await product();
    const reader = world.encryptor(made.memory, world.provider());
    const stale = await made.memory.get((await world.rows(made.memory))[0]?.id ?? '');
    await rotate(made);
    world.server.updateKey(MEK_NAME, world.first, { enabled: false });
    const get = made.memory.get.bind(made.memory);
    let reads = 0;
    made.memory.get = (...args) => ((reads += 1) === 1 ? Promise.resolve(stale) : get(...args));
    const at = (stale?.value as LiveDekRow).scope.at(-1);
    const stored = made.stored.find(({ id }) => id === at);
    const opened = await reader.decryptDocument(note, stored as never);
    expect(opened).toMatchObject({ body: `of ${String(at)}` });
    expect(reads).toBe(2);
  });

  it('and is the source, which has expired too, unwraps as soon as it is enabled', async () => {
    const made = await product();
    const expire = (): void => {
      world.server.updateKey(MEK_NAME, world.first, { expiresOn: new Date(0) });
    };
    world.fault({ first: expire }, atRow(2), 1);
    expect((await rotate(made)).summary).toMatchObject({ complete: true, changed: ROWS });
  });
});

describe('auto-rotation in mid-run', () => {
  it('moves no row and no new DEK to the version that appeared', async () => {
    const made = await product();
    world.fault({ rotateFirst: true }, atRow(3), 1);
    const writerProvider = world.provider({ stateTtlMs: 1_000 });
    const events: RewrapEvent[] = [];
    const target = { mekVersion: second };
    for await (const event of rewrapAllDeks(made.encryptor, { target, concurrency: 1 })) {
      events.push(event);
      if (event.type !== 'passed' || event.pass !== 1) continue;
      const writer = world.encryptor(made.memory, writerProvider);
      await writer.encryptDocument(note, { workspaceId: 'w', id: 'new', body: 'text' });
    }
    const [, , third] = world.server.versionsOf(MEK_NAME);
    expect(third).toMatch(/^[0-9a-f]{32}$/);
    expect(await writerProvider.currentVersion()).toBe(third);
    expect(events.at(-1)).toMatchObject({ summary: { complete: true, failed: 0 } });
    const versions = (await world.rows(made.memory)).map((row) => (row as LiveDekRow).mekVersion);
    expect(versions).toEqual(Array<string>(ROWS + 1).fill(second));
    expect(world.server.requests.filter(({ version }) => version === third)).toEqual([]);
  });
});

describe('a failover that leaves the vault read-only', () => {
  it('refuses to make, rotate and disable versions, and lets a rotation go on', async () => {
    const made = await product();
    const operator = new KeyClient(world.server.url, world.server.credential(), {
      ...world.server.clientOptions(),
      retryOptions: { maxRetries: 0 },
    });
    const refusals: unknown[] = [];
    const fail = async (): Promise<void> => {
      for (const on of ['create', 'rotate', 'update'] as const) {
        world.server.script({
          on,
          status: 503,
          message: 'The vault is read-only.',
          times: Infinity,
        });
      }
      refusals.push(await rejection(operator.createRsaKey(MEK_NAME)));
      refusals.push(await rejection(operator.rotateKey(MEK_NAME)));
      const disable = operator.updateKeyProperties(MEK_NAME, world.first, { enabled: false });
      refusals.push(await rejection(disable));
    };
    world.fault({ first: fail }, atRow(3), 1);
    const { summary } = await rotate(made);
    for (const refusal of refusals) expect(refusal).toMatchObject({ statusCode: 503 });
    expect(refusals).toHaveLength(3);
    expect(summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
    expect(world.server.versionsOf(MEK_NAME)).toEqual([world.first, second]);
    await world.expectReadable(made, world.provider());
  });
});
