import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyWrap } from '../../../src/adapters.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { akvProvider, MEK_NAME } from '../../support/azure/akv-provider.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import { note, setup } from '../../support/encryptor.js';

const CALLERS = 20;
const NOTES = 100;

let server: KeyVaultServer;
let first: string;

beforeEach(async () => {
  server = await KeyVaultServer.start();
  first = await server.createKey(MEK_NAME);
});

afterEach(() => server.stop());

function operations(): string[] {
  return server.requests.map(({ operation, authorized }) =>
    authorized ? operation : `${operation} without a token`,
  );
}

function deks(count: number): Buffer[] {
  return Array.from({ length: count }, () => randomBytes(32));
}

describe('a warm provider', () => {
  it('makes exactly one request for each wrap and each unwrap', async () => {
    const provider = akvProvider(server);
    const wrap = await provider.wrapKey(randomBytes(32), { mekVersion: first });
    await provider.unwrapKey(wrap);
    server.clearRequests();
    await provider.wrapKey(randomBytes(32), { mekVersion: first });
    expect(operations()).toEqual(['wrapKey']);
    await provider.unwrapKey(wrap);
    expect(operations()).toEqual(['wrapKey', 'unwrapKey']);
  });

  it('makes one more for a version that it wraps with for the first time, and none to unwrap', async () => {
    const provider = akvProvider(server);
    const wrap = await provider.wrapKey(randomBytes(32), { mekVersion: first });
    const second = await server.rotateKey(MEK_NAME);
    server.clearRequests();
    await provider.wrapKey(randomBytes(32), { mekVersion: second });
    expect(operations()).toEqual(['get', 'wrapKey']);
    const other = akvProvider(server);
    await other.unwrapKey(wrap);
    server.clearRequests();
    const wrapOfSecond = await provider.wrapKey(randomBytes(32), { mekVersion: second });
    await other.unwrapKey(wrapOfSecond);
    expect(operations()).toEqual(['wrapKey', 'unwrapKey']);
  });

  it('looks at the version again after stateTtlMs, and asks for the newest once in it', async () => {
    const clock = new AutoClock();
    const provider = akvProvider(server, { clock, stateTtlMs: 5_000 });
    const current = (): Promise<string> => provider.currentVersion();
    await Promise.all(Array.from({ length: CALLERS }, current));
    await provider.wrapKey(randomBytes(32), { mekVersion: first });
    expect(server.count('get')).toBe(2); // one of them without a token
    const second = await server.rotateKey(MEK_NAME);
    clock.advance(4_999);
    expect(await current()).toBe(first);
    clock.advance(1);
    expect(await current()).toBe(second);
    expect(server.count('get')).toBe(3);
    await provider.wrapKey(randomBytes(32), { mekVersion: first });
    expect(server.count('get')).toBe(4);
  });

  it('refuses a version that expires between two reads, without a further request', async () => {
    const clock = new AutoClock();
    const provider = akvProvider(server, { clock, wrapMode: 'local' });
    const expiresOn = new Date(clock.wallMs() + 30_000);
    const mekVersion = await server.rotateKey(MEK_NAME, { expiresOn });
    await provider.wrapKey(randomBytes(32), { mekVersion });
    server.clearRequests();
    clock.advance(30_000);
    const refused = provider.wrapKey(randomBytes(32), { mekVersion });
    await expect(refused).rejects.toMatchObject({ code: 'MEK_NOT_VALID_NOW' });
    expect(operations()).toEqual([]);
  });

  it('wraps locally without any request', async () => {
    const provider = akvProvider(server, { wrapMode: 'local' });
    await provider.wrapKey(randomBytes(32), { mekVersion: first });
    server.clearRequests();
    for (const dek of deks(CALLERS)) await provider.wrapKey(dek, { mekVersion: first });
    expect(operations()).toEqual([]);
  });

  it('sends no request for a pinned current version', async () => {
    const provider = akvProvider(server, { mekVersion: first });
    expect(await provider.currentVersion()).toBe(first);
    const reason = new Error('enough');
    const aborted = provider.currentVersion({ signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    expect(operations()).toEqual([]);
  });
});

describe('a cold provider', () => {
  it('asks for a token once, however many calls begin at once, and sends no DEK before', async () => {
    const provider = akvProvider(server);
    const wraps = await Promise.all(
      deks(CALLERS).map((dek) => provider.wrapKey(dek, { mekVersion: first })),
    );
    expect(wraps).toHaveLength(CALLERS);
    expect(server.requests.filter(({ authorized }) => !authorized)).toHaveLength(1);
    expect(server.count('get')).toBe(2);
    expect(server.count('wrapKey')).toBe(CALLERS);
    expect(server.unauthorizedBodies).toBe(0);
  });

  it('does so for unwraps of several versions too, each with its own result', async () => {
    const writer = akvProvider(server);
    const versions = [first, await server.rotateKey(MEK_NAME), await server.rotateKey(MEK_NAME)];
    const made = deks(CALLERS * versions.length);
    const wraps = await Promise.all(
      made.map((dek, at) =>
        writer.wrapKey(dek, { mekVersion: versions[at % versions.length] ?? first }),
      ),
    );
    server.clearRequests();
    const reader = akvProvider(server);
    const unwrapped = await Promise.all(wraps.map((wrap: KeyWrap) => reader.unwrapKey(wrap)));
    expect(unwrapped.map((bytes) => Buffer.from(bytes))).toEqual(made);
    expect(server.unauthorizedBodies).toBe(0);
    const challenged = server.requests.filter(({ authorized }) => !authorized).length;
    expect(challenged).toBeLessThanOrEqual(versions.length);
    expect(server.requests).toHaveLength(wraps.length + challenged);
  });

  it('sends no DEK without a token after a first request that failed either', async () => {
    const dek = randomBytes(32);
    const wrap = await akvProvider(server).wrapKey(dek, { mekVersion: first });
    for (const fault of [{ status: 500 }, { resetBefore: true }] as const) {
      const reader = akvProvider(server, { clock: new AutoClock() });
      const script = server.script({ on: 'challenge', ...fault });
      const unwraps = Array.from({ length: CALLERS }, () => reader.unwrapKey(wrap));
      for (const bytes of await Promise.all(unwraps)) expect(dek.equals(bytes)).toBe(true);
      expect(script.used).toBe(1);
    }
    expect(server.unauthorizedBodies).toBe(0);
  });
});

describe('an encryptor', () => {
  it('opens 100 cold notes with one bulk of reads and 100 unwraps, and no more', async () => {
    const writer = setup({ keyProviders: [akvProvider(server)] });
    const ids = Array.from({ length: NOTES }, (_each, at) => `note-${String(at)}`);
    const stored = await Promise.all(
      ids.map((id) => writer.encryptor.encryptDocument(note, { workspaceId: 'w', id, body: id })),
    );
    const reader = setup({ beside: writer, keyProviders: [akvProvider(server)] });
    server.clearRequests();
    const outcomes = await reader.encryptor.decryptDocuments(note, stored);
    const bodies = outcomes.map((each) => each.ok && each.document.body);
    expect(bodies).toEqual(ids);
    expect(reader.store.calls).toEqual({ getMany: 1 });
    const authorized = operations().filter((each) => !each.endsWith('without a token'));
    expect(authorized).toEqual(Array.from({ length: NOTES }, () => 'unwrapKey'));
    expect(operations()).toHaveLength(NOTES + 1);
  });
});
