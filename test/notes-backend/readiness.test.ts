/** Needs the built package. */
import { KeyProviderError, StoreError } from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import type { ReadinessReport } from '../../examples/notes-backend/src/diagnostics/readiness.js';
import { DEVELOPMENT_KEY } from '../../examples/notes-backend/src/lib/development.js';
import { NotesBackend } from '../support/notes-backend.js';

const READINESS = '/api/diagnostics/readiness';
const AT_ONCE = { READINESS_CACHE_MS: '0' };

async function report(backend: NotesBackend) {
  const { status, body, text } = await backend.call('GET', READINESS, { token: null });
  return { status, text, ...(body as ReadinessReport) };
}

describe('readiness', () => {
  it('says what the service needs, holds and has seen', async () => {
    const backend = await NotesBackend.start({ env: AT_ONCE });
    await backend.create();
    const { status, checks, ...found } = await report(backend);
    expect(status).toBe(200);
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['notes', true],
      ['dek-store', true],
      ['key-provider env/env', true],
    ]);
    expect(found).toMatchObject({
      ready: true,
      stopping: false,
      encryption: {
        enabled: true,
        mode: 'strict',
        recordAuthentication: 'off',
        rotationEpoch: 1,
        fenceTtlMs: 30_000,
      },
      cache: { entries: 1, maxEntries: 10_000, ttlMs: 300_000 },
      plaintextReads: 0,
      definitionMismatches: 0,
      alarms: { tampered: 0 },
    });
    expect(found.text).not.toContain(DEVELOPMENT_KEY);
  });

  it('counts plaintext that mode migrate lets through', async () => {
    const backend = await NotesBackend.start({
      env: { ...AT_ONCE, FIELD_ENCRYPT_MODE: 'migrate' },
    });
    const { id, url } = await backend.create();
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    if (!item) throw new Error('It is not stored');
    await backend.stored.replace({ ...item.document, title: 'plain' as never }, item.etag);
    expect((await backend.call('GET', url)).body).toMatchObject({ title: 'plain' });
    expect(await report(backend)).toMatchObject({
      plaintextReads: 1,
      encryption: { mode: 'migrate' },
    });
  });

  it.each([
    ['vault', 'key-provider env/env', 'KEY_PROVIDER_UNAVAILABLE'],
    ['deks', 'dek-store', 'STORE_UNAVAILABLE'],
    ['notes', 'notes', 'STORE_UNAVAILABLE'],
  ] as const)(
    'is 503 while %s is down, with the code and not the message',
    async (part, name, code) => {
      const backend = await NotesBackend.start({ env: AT_ONCE });
      const message = 'The host secret-host is down';
      backend.faults[part] = {
        before:
          code === 'STORE_UNAVAILABLE'
            ? new StoreError(code, message)
            : new KeyProviderError(code, message),
      };
      const { status, ready, checks, text } = await report(backend);
      expect([status, ready]).toEqual([503, false]);
      expect(checks.find((check) => check.name === name)).toMatchObject({ ok: false, code });
      expect(text).not.toContain('secret-host');
      expect((await backend.call('GET', '/health', { token: null })).status).toBe(200);
      backend.faults[part] = undefined;
      expect((await report(backend)).status).toBe(200);
    },
  );

  it('is 503 as soon as the process stops', async () => {
    const backend = await NotesBackend.start();
    expect((await report(backend)).status).toBe(200);
    backend.server.readiness.isStopping = true;
    expect(await report(backend)).toMatchObject({ status: 503, ready: false, stopping: true });
    const answer = await backend.call('GET', '/health', { token: null });
    expect([answer.status, answer.headers['connection']]).toEqual([200, 'close']);
  });

  it('asks the vault once for many probes', async () => {
    const backend = await NotesBackend.start();
    const [provider] = backend.encryptor.keyProviders as unknown as [{ calls: string[] }];
    const before = provider.calls.length;
    await Promise.all(Array.from({ length: 20 }, () => report(backend)));
    await report(backend);
    expect(provider.calls.slice(before).filter((call) => call === 'unwrapKey')).toEqual([
      'unwrapKey',
    ]);
  });
});
