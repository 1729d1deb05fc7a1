/** The backend on Key Vault and Cosmos DB, which are test servers here. Needs the built package. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AzureEmulators } from '../../examples/azure/emulators.js';
import type { ReadinessReport } from '../../examples/notes-backend/src/diagnostics/readiness.js';
import { BackendProcess } from '../support/notes-backend-process.js';
import type { ListAnswer, NoteAnswer } from '../support/notes-backend.js';

const LIST = '/api/notes?workspaceId=w1';
const NOTE = { title: 'Plans', body: 'Call the bank', tags: ['money'] };

let azure: AzureEmulators;
const environment = () => ({
  ...azure.variables(),
  AZURE_ALLOW_LOOPBACK_VAULT: 'true',
  READINESS_CACHE_MS: '0',
});

beforeAll(async () => {
  azure = await AzureEmulators.start();
});
afterAll(async () => {
  await azure.stop();
});

describe('on Azure', () => {
  it('notes are created, listed, changed and deleted, encrypted under the key of the vault', async () => {
    const backend = await BackendProcess.start(environment());
    const token = await backend.token();
    const created = await backend.request('POST', LIST, { token, body: NOTE });
    expect([created.status, backend.stderr]).toEqual([201, '']);
    const { id } = created.body as NoteAnswer;
    const url = String(created.headers.get('location'));
    const etag = String(created.headers.get('etag'));
    expect(etag).toMatch(/^"[\w-]+"$/);

    const container = azure.cosmos.client().database('notelett').container('notes');
    const { resource } = await container.item(id, 'w1').read<object>();
    expect(JSON.stringify(resource)).toContain('"_enc":1');
    expect(JSON.stringify(resource)).not.toMatch(/Plans|bank|money/);

    const headers = { 'if-match': etag };
    const body = { title: 'New plans' };
    const changed = await backend.request('PATCH', url, { token, headers, body });
    expect([changed.status, changed.body]).toMatchObject([200, { ...NOTE, ...body }]);
    const late = await backend.request('PUT', url, { token, headers, body: NOTE });
    expect(late.status).toBe(412);
    const known = { 'if-none-match': String(changed.headers.get('etag')) };
    expect((await backend.request('GET', url, { token, headers: known })).status).toBe(304);

    for (let at = 0; at < 4; at += 1) await backend.request('POST', LIST, { token, body: NOTE });
    const titles: unknown[] = [];
    let next = '';
    do {
      const page = await backend.request('GET', `${LIST}&limit=2${next}`, { token });
      expect(page.status).toBe(200);
      const { entries, continuation } = page.body as ListAnswer;
      titles.push(...entries.map(({ note }) => note?.title));
      next = continuation === undefined ? '' : `&continuation=${continuation}`;
    } while (next !== '');
    expect(titles.sort()).toEqual(['New plans', 'Plans', 'Plans', 'Plans', 'Plans']);
    const nonsense = await backend.request('GET', `${LIST}&continuation=abcdef`, { token });
    expect(nonsense.status).toBe(400);

    const newest = { 'if-match': String(changed.headers.get('etag')) };
    expect((await backend.request('DELETE', url, { token, headers: newest })).status).toBe(204);
    expect((await backend.request('GET', url, { token })).status).toBe(404);
    backend.signal('SIGTERM');
    expect(await backend.ended).toBe(0);
  });

  it('an outage of the vault is 503, and readiness says so; notes are back when it is', async () => {
    const backend = await BackendProcess.start(environment());
    const token = await backend.token();
    const ready = await backend.request('GET', '/api/diagnostics/readiness');
    expect(ready.status).toBe(200);
    const { checks } = ready.body as ReadinessReport;
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['notes', true],
      ['dek-store', true],
      ['key-provider akv/notelett-mek', true],
      ['definition notes', true],
    ]);
    const created = await backend.request('POST', LIST, { token, body: NOTE });
    const url = String(created.headers.get('location'));
    backend.signal('SIGTERM');
    await backend.ended;

    // A new process has no key in memory.
    const cold = await BackendProcess.start(environment());
    const [version = ''] = azure.vault.versionsOf('notelett-mek');
    azure.vault.updateKey('notelett-mek', version, { enabled: false });
    const answer = await cold.request('GET', url, { token });
    expect([answer.status, answer.body]).toMatchObject([503, { code: 'MEK_DISABLED' }]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await cold.request('GET', '/api/diagnostics/readiness')).status).toBe(503);
    azure.vault.updateKey('notelett-mek', version, { enabled: true });
    const refusal = { status: 429, headers: { 'retry-after': '40' }, times: 100 };
    const throttles = azure.vault.script(refusal);
    const throttled = await cold.request('GET', url, { token });
    expect([throttled.status, throttled.body]).toMatchObject([
      503,
      { code: 'KEY_PROVIDER_THROTTLED' },
    ]);
    expect(throttled.headers.get('retry-after')).toBe('40');
    throttles.cancel();
    expect((await cold.request('GET', url, { token })).body).toMatchObject(NOTE);
  });
});
