import { afterEach, describe, expect, it } from 'vitest';
import type { AkvKeyProviderOptions } from '../../../src/azure/key-vault/index.js';
import {
  createFieldEncryptor,
  isFieldEncryptionError,
  rewrapAllDeks,
  type FieldEncryptor,
} from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { akvProvider, MEK_NAME } from '../../support/azure/akv-provider.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import { note, PRODUCT } from '../../support/encryptor.js';
import { QuietClock } from '../../support/quiet-clock.js';
import { isSlow } from '../../support/lane.js';

const CREATES = 300;
/** So that ten seconds allow fifty operations. */
const QUOTA_PER_SECOND = 5;

let server: KeyVaultServer | undefined;

afterEach(() => server?.stop());

interface World {
  readonly clock: QuietClock;
  readonly server: KeyVaultServer;
  readonly memory: MemoryDekStore;
  readonly encryptor: FieldEncryptor;
}

/** A product on a vault with a small quota, that has its first DEK. */
async function smallVault(options: Partial<AkvKeyProviderOptions>): Promise<World> {
  const clock = new QuietClock();
  clock.advance(1_000);
  const vault = await KeyVaultServer.start({ clock });
  server = vault;
  await vault.createKey(MEK_NAME);
  const policy = {
    name: 'during',
    sendRequest: <Request, Response>(
      request: Request,
      next: (request: Request) => Promise<Response>,
    ) => clock.during(() => next(request)),
  };
  const clientOptions = {
    ...vault.clientOptions(),
    additionalPolicies: [{ position: 'perCall' as const, policy }],
  };
  const memory = new MemoryDekStore();
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    dekStore: memory,
    clock,
    keyProviders: [akvProvider(vault, { clock, clientOptions, ...options })],
  });
  await clock.pass(create(encryptor, 'first'));
  vault.limit({ operations: 10 * QUOTA_PER_SECOND });
  return { clock, server: vault, memory, encryptor };
}

/** How it ended: by its code where it failed. */
async function create(encryptor: FieldEncryptor, id: string): Promise<string> {
  try {
    await encryptor.encryptDocument(note, { workspaceId: 'w', id, body: `of ${id}` });
    return 'created';
  } catch (error) {
    if (!isFieldEncryptionError(error)) throw error;
    return `${error.code}, ${error.retryable ? 'retryable' : 'final'}`;
  }
}

async function burst({ clock, encryptor }: World): Promise<Readonly<Record<string, number>>> {
  const ids = Array.from({ length: CREATES }, (_each, at) => String(at));
  const ends = await clock.pass(Promise.all(ids.map((id) => create(encryptor, id))));
  const counts: Record<string, number> = {};
  for (const end of ends) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}

function throttledBy(vault: KeyVaultServer): number {
  return vault.requests.filter(({ status }) => status === 429).length;
}

function wrapsOf(vault: KeyVaultServer): number {
  return vault.requests.filter(({ status, operation }) => status === 200 && operation === 'wrapKey')
    .length;
}

describe('300 creates at once on a vault of 50 operations in ten seconds, over HTTPS', () => {
  it.runIf(isSlow)('fail in part without a limit', async () => {
    const world = await smallVault({});
    const ends = await burst(world);
    expect(ends['KEY_PROVIDER_THROTTLED, retryable']).toBeGreaterThan(40);
  });

  it('all succeed within a limit, with one wrap for each, and nothing is throttled', async () => {
    const world = await smallVault({ maxOpsPerSecond: QUOTA_PER_SECOND });
    const before = wrapsOf(world.server);
    const startMs = world.clock.monotonicMs();
    expect(await burst(world)).toEqual({ created: CREATES });
    const seconds = (world.clock.monotonicMs() - startMs) / 1_000;
    expect(wrapsOf(world.server) - before).toBe(CREATES);
    expect(throttledBy(world.server)).toBe(0);
    expect(seconds).toBeGreaterThan(CREATES / QUOTA_PER_SECOND - 1);
    expect(seconds).toBeLessThan((1.1 * CREATES) / QUOTA_PER_SECOND);
  });

  it.runIf(isSlow)('are refused beyond "maxQueued", and can be tried again', async () => {
    const world = await smallVault({ maxOpsPerSecond: QUOTA_PER_SECOND, maxQueued: 100 });
    expect(await burst(world)).toEqual({
      created: 100,
      'KEY_PROVIDER_THROTTLED, retryable': CREATES - 100,
    });
    const again = await world.clock.pass(create(world.encryptor, '299'));
    expect(again).toBe('created');
  });

  it.runIf(isSlow)('wait where the service throttles anyway', async () => {
    const world = await smallVault({ maxOpsPerSecond: 2 * QUOTA_PER_SECOND });
    expect(await burst(world)).toEqual({ created: CREATES });
    expect(throttledBy(world.server)).toBeGreaterThan(0);
    expect(throttledBy(world.server)).toBeLessThan(CREATES / 10);
  });

  it.runIf(isSlow)('share the limit with a rotation, and go first', async () => {
    const world = await smallVault({ maxOpsPerSecond: QUOTA_PER_SECOND });
    const { clock, encryptor, server: vault } = world;
    for (let at = 0; at < 10; at += 1) await clock.pass(create(encryptor, `old-${String(at)}`));
    const target = { mekVersion: await vault.rotateKey(MEK_NAME) };
    const seen: string[] = [];
    const rotation = async (): Promise<void> => {
      for await (const event of rewrapAllDeks(encryptor, { target })) {
        if (event.type === 'finished') seen.push('rotated');
      }
    };
    const traffic = async (): Promise<void> => {
      const ids = Array.from({ length: 50 }, (_each, at) => `new-${String(at)}`);
      const ends = await Promise.all(ids.map((id) => create(encryptor, id)));
      expect(new Set(ends)).toEqual(new Set(['created']));
      seen.push('created');
    };
    await clock.pass(Promise.all([rotation(), traffic()]));
    expect(seen).toEqual(['created', 'rotated']);
    expect(throttledBy(vault)).toBe(0);
  });
});
