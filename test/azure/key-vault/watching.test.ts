/** What is published about a key vault, against the log of the vault. @module */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { note, PRODUCT } from '../../support/encryptor.js';
import { hear, hearCalls } from '../../support/hear.js';
import { RecordingClock, VaultWorld } from './vault-world.js';

const NOTES = 12;

let world: VaultWorld;

beforeEach(async () => {
  world = await VaultWorld.start({ clock: new RecordingClock() });
});

afterEach(() => world.stop());

function answered(operation: string, status: number): number {
  const { requests } = world.server;
  return requests.filter((each) => each.operation === operation && each.status === status).length;
}

it('unwraps and wraps agree with what the vault did', async () => {
  const wraps = hearCalls('wrap');
  const { memory, stored } = await world.product(world.provider(), NOTES);
  const unwraps = hearCalls('unwrap');
  const reader = world.encryptor(memory, world.provider());
  await reader.decryptDocuments(note, stored as never[]);
  expect(wraps).toHaveLength(answered('wrapKey', 200));
  expect(unwraps).toHaveLength(answered('unwrapKey', 200));
  expect(unwraps).toHaveLength(NOTES);
  const unwrapped = unwraps.map(({ epoch, ...each }) => {
    expect(epoch).toBe(1);
    return each;
  });
  for (const each of [...wraps, ...unwrapped]) {
    expect(each).toEqual({
      product: PRODUCT,
      dekId: expect.stringMatching(/^[0-9a-f]{32}\.1$/) as unknown,
      keyProvider: 'akv',
      mekName: 'notelett-mek',
      mekVersion: world.first,
      durationMs: expect.any(Number) as unknown,
    });
  }
});

it('throttles agree with what the vault refused, whether a retry made up for it or not', async () => {
  const { memory, stored } = await world.product(world.provider(), NOTES);
  const { provider } = await world.warm({ maxAttempts: 2 });
  const reader = world.encryptor(memory, provider);
  const [unwraps, retries] = [hearCalls('unwrap'), hear('retry')];
  world.server.limit({ operations: 3 });
  for (const each of stored.slice(0, NOTES / 2)) await reader.decryptDocument(note, each as never);
  world.fault({ status: 429, headers: { 'retry-after': '4' } }, 'unwrapKey');
  const rest = await reader.decryptDocuments(note, stored.slice(NOTES / 2) as never[]);
  const given = unwraps.filter(({ errorCode }) => errorCode === undefined);
  const gaveUp = unwraps.filter(({ errorCode }) => errorCode === 'KEY_PROVIDER_THROTTLED');
  expect(given).toHaveLength(NOTES / 2);
  expect(given).toHaveLength(answered('unwrapKey', 200));
  expect(gaveUp).toHaveLength(rest.filter(({ ok }) => !ok).length);
  expect(gaveUp).toHaveLength(NOTES / 2);
  expect(gaveUp.map(({ retryAfterMs }) => retryAfterMs)).toEqual(gaveUp.map(() => 4_000));
  expect(retries.length + gaveUp.length).toBe(answered('unwrapKey', 429));
  expect(retries.length).toBeGreaterThan(gaveUp.length);
  expect(retries.map(({ delayMs }) => delayMs)).toEqual(world.clock.sleeps);
  for (const each of retries) {
    expect(each).toMatchObject({
      keyProvider: 'akv',
      mekName: 'notelett-mek',
      errorCode: 'KEY_PROVIDER_THROTTLED',
      attempts: 1,
    });
  }
});
