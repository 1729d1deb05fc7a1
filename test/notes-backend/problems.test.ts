/** Needs the built package. */
import { join } from 'node:path';
import {
  FieldEncryptionError,
  KeyProviderError,
  StoreError,
  TamperedError,
  type AnyFieldEncryptionError,
  type ErrorCode,
} from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import { reportedProblemOf } from '../../examples/notes-backend/src/lib/encryption-problems.js';
import {
  NotesBackend,
  problemIn,
  type ListAnswer,
  type ProblemAnswer,
} from '../support/notes-backend.js';
import { folderForTest } from '../support/notes-backend-process.js';

const LIST = '/api/notes?workspaceId=w1';

/** What callers get for each code, and how loud the log is; no other code compiles. */
const EXPECTED: Readonly<Record<ErrorCode, readonly [number, string]>> = {
  ABANDON_REFUSED: [500, 'error'],
  ADAPTER_CONTRACT: [500, 'error'],
  ALREADY_EXISTS: [409, 'info'],
  AUDIT_FAILED: [503, 'error'],
  AUDIT_FULL: [503, 'error'],
  BACKFILL_UNFINISHED: [500, 'error'],
  CIPHER_STALE: [503, 'warn'],
  CONFIGURATION_INVALID: [500, 'error'],
  CONTENDED: [503, 'warn'],
  DEFINITION_MISMATCH: [500, 'error'],
  DEK_NOT_FOUND: [500, 'error'],
  DEK_SHREDDED: [410, 'info'],
  DEK_UNRECOVERABLE: [500, 'error'],
  DOCUMENT_MOVED: [500, 'error'],
  ENVELOPE_REFUSED: [422, 'info'],
  ENVELOPE_UNSUPPORTED: [500, 'error'],
  ETAG_MISMATCH: [412, 'info'],
  KEY_PROVIDER_DENIED: [503, 'error'],
  KEY_PROVIDER_FAILED: [503, 'error'],
  KEY_PROVIDER_NOT_CONFIGURED: [503, 'error'],
  KEY_PROVIDER_THROTTLED: [503, 'warn'],
  KEY_PROVIDER_UNAVAILABLE: [503, 'warn'],
  KEY_WEAK: [503, 'error'],
  MEK_DISABLED: [503, 'error'],
  MEK_NOT_VALID_NOW: [503, 'error'],
  MEK_STILL_NEEDED: [500, 'error'],
  MEK_UNSUPPORTED: [503, 'error'],
  MEK_UNUSABLE: [503, 'error'],
  MEK_VERSION_UNKNOWN: [503, 'error'],
  MIGRATION_SUPERSEDED: [500, 'error'],
  MIGRATION_UNDER_WAY: [500, 'error'],
  PLAINTEXT_REFUSED: [500, 'error'],
  PRODUCT_EMPTY: [500, 'error'],
  RECORD_KEY_UNKNOWN: [503, 'error'],
  RECOVERY_KEY_UNKNOWN: [500, 'error'],
  ROTATION_RECORD_BEHIND: [503, 'error'],
  ROTATION_RECORD_MISSING: [503, 'error'],
  ROTATION_SUPERSEDED: [500, 'error'],
  ROTATION_UNFINISHED: [500, 'error'],
  ROW_UNSUPPORTED: [500, 'error'],
  STORE_FAILED: [500, 'error'],
  STORE_UNAVAILABLE: [503, 'warn'],
  TAMPERED: [500, 'fatal'],
  TOO_MANY_DEKS: [500, 'error'],
  TOO_MANY_FAILURES: [500, 'error'],
  WRAP_REJECTED: [500, 'fatal'],
};

function reported(code: string, details: { retryable?: boolean } = {}) {
  const error = new FieldEncryptionError(code as ErrorCode, 'An internal message', details);
  return reportedProblemOf(error as AnyFieldEncryptionError);
}

function vaultFailure(code: 'KEY_PROVIDER_THROTTLED' | 'KEY_PROVIDER_UNAVAILABLE', ms?: number) {
  const details = { retryable: true, ...(ms !== undefined && { retryAfterMs: ms }) };
  return { before: new KeyProviderError(code, 'The vault is down', details) };
}

describe('a code of the library', () => {
  it.each(Object.entries(EXPECTED))('%s is %j', (code, expected) => {
    const { problem, severity } = reported(code);
    expect([problem.status, severity]).toEqual(expected);
    expect(problem.status).not.toBe(404);
    expect(problem.extras).toEqual({ code });
    expect(problem.retryAfterSeconds !== undefined).toBe(problem.status === 503);
  });

  it('of a later version is a failure that is logged', () => {
    const { problem, severity } = reported('NEW_CODE');
    expect([problem.status, severity]).toEqual([500, 'error']);
  });

  it('DEK_NOT_FOUND that may be retried is an outage', () => {
    const { problem, severity } = reported('DEK_NOT_FOUND', { retryable: true });
    expect([problem.status, severity, problem.retryAfterSeconds]).toEqual([503, 'warn', 5]);
  });

  it.each([
    [undefined, 5],
    [0, 1],
    [1, 1],
    [1_001, 2],
    [90_000, 90],
    [86_400_000, 3_600],
  ])('of a vault that asks for %s ms waits %s seconds', (retryAfterMs, seconds) => {
    const { before } = vaultFailure('KEY_PROVIDER_THROTTLED', retryAfterMs);
    expect(reportedProblemOf(before).problem.retryAfterSeconds).toBe(seconds);
  });
});

describe('an outage of the vault', () => {
  it('is 503 with Retry-After for what needs the vault, and nothing for what does not', async () => {
    const backend = await NotesBackend.start();
    const { url, etag } = await backend.create();
    backend.faults.vault = vaultFailure('KEY_PROVIDER_THROTTLED', 7_000);
    expect((await backend.call('GET', url)).status).toBe(200);
    const headers = { 'if-match': etag };
    const changed = await backend.call('PATCH', url, { headers, body: { pinned: true } });
    expect(changed.status).toBe(200);

    backend.forgetKeys();
    const body = { title: 'x', body: 'x' };
    for (const answer of [
      await backend.call('GET', url),
      await backend.call('GET', LIST),
      await backend.call('POST', LIST, { body }),
      await backend.call('PUT', url, { headers: { 'if-match': '*' }, body }),
    ]) {
      expect(problemIn(answer)).toEqual([503, 'unavailable']);
      expect(answer.headers['retry-after']).toBe('7');
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.body).toMatchObject({ code: 'KEY_PROVIDER_THROTTLED' });
    }
    // Nothing was written meanwhile; a deletion needs no vault.
    expect(await backend.stored.count()).toBe(1);
    expect((await backend.call('DELETE', url, { headers: { 'if-match': '*' } })).status).toBe(204);

    backend.faults.vault = undefined;
    expect((await backend.call('POST', LIST, { body })).status).toBe(201);
  });

  it('leaves entries with their problem in a list where other notes open', async () => {
    const backend = await NotesBackend.start();
    const cold = await backend.create();
    backend.forgetKeys();
    const warm = await backend.create();
    backend.faults.vault = vaultFailure('KEY_PROVIDER_UNAVAILABLE');
    const { body, status } = await backend.call('GET', LIST);
    expect(status).toBe(200);
    const { entries } = body as ListAnswer;
    expect(entries.find(({ id }) => id === warm.id)?.note?.title).toBe('Plans');
    expect(entries.find(({ id }) => id === cold.id)?.problem).toMatchObject({
      status: 503,
      code: 'KEY_PROVIDER_UNAVAILABLE',
    });
  });

  it('that lasts longer than a request may wait is 503', async () => {
    const file = join(folderForTest(), 'notes.db');
    const { url } = await (await NotesBackend.start({ file })).create();
    const backend = await NotesBackend.start({ file, env: { REQUEST_TIMEOUT_MS: '100' } });
    let answer = (): void => undefined;
    backend.faults.vault = { wait: new Promise<void>((resolve) => (answer = resolve)) };
    expect(problemIn(await backend.call('GET', url))).toEqual([503, 'unavailable']);
    answer();
  });
});

describe('an outage of the database', () => {
  it.each(['notes', 'deks'] as const)('of %s is 503 with Retry-After', async (part) => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    backend.forgetKeys();
    backend.faults[part] = { before: new StoreError('STORE_UNAVAILABLE', 'The store is down') };
    const answer = await backend.call('GET', url);
    expect(problemIn(answer)).toEqual([503, 'unavailable']);
    expect(answer.headers['retry-after']).toBe('5');
  });

  it('that loses the answer to a write does not lose the write, nor repeat it', async () => {
    const lost = new StoreError('STORE_UNAVAILABLE', 'connection reset');
    const losing = await NotesBackend.start({
      notes: (store) => ({
        get: (...call) => store.get(...call),
        list: (...call) => store.list(...call),
        count: (...call) => store.count(...call),
        delete: (...call) => store.delete(...call),
        create: async (...call) => {
          await store.create(...call);
          throw lost;
        },
        replace: async (...call) => {
          await store.replace(...call);
          throw lost;
        },
      }),
    });
    const { url, etag } = await losing.create();
    const headers = { 'if-match': etag };
    const put = await losing.call('PUT', url, { headers, body: { title: 'New', body: '' } });
    expect([put.status, put.body]).toMatchObject([200, { title: 'New' }]);
    expect(await losing.stored.count()).toBe(1);
  });
});

describe('tampering', () => {
  it('is 500 with an alarm, for every request that reads the note, and never 404', async () => {
    const backend = await NotesBackend.start();
    const { id, url } = await backend.create();
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    if (!item) throw new Error('It is not stored');
    const { title, body } = item.document;
    await backend.stored.replace({ ...item.document, title: body, body: title }, item.etag);
    const headers = { 'if-match': '*' };
    const answers = [
      await backend.call('GET', url),
      await backend.call('PATCH', url, { headers, body: { pinned: true } }),
      await backend.call('PUT', url, { headers, body: { title: 'x', body: 'x' } }),
    ];
    for (const answer of answers) {
      expect(problemIn(answer)).toEqual([500, 'note-damaged']);
      expect(answer.headers['retry-after']).toBeUndefined();
    }
    expect(backend.linesOf(60).map(({ alarm }) => alarm)).toEqual(Array(3).fill('tampered'));
    expect(backend.server.alarms.tampered).toBe(3);
    // What was stored stays as it is, for those who examine it.
    expect((await backend.stored.get({ workspaceId: 'w1', id }))?.document.title).toEqual(body);
  });

  it('of a row of the key store is an alarm too', async () => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    backend.forgetKeys();
    backend.faults.deks = { before: new TamperedError('The row was changed') };
    expect(problemIn(await backend.call('GET', url))).toEqual([500, 'note-damaged']);
    expect(backend.server.alarms.tampered).toBe(1);
  });

  it('with plaintext in place of an envelope is 500 in mode strict, and shows nothing', async () => {
    const backend = await NotesBackend.start();
    const { id, url } = await backend.create();
    const item = await backend.stored.get({ workspaceId: 'w1', id });
    if (!item) throw new Error('It is not stored');
    await backend.stored.replace({ ...item.document, title: 'planted' as never }, item.etag);
    const answer = await backend.call('GET', url);
    expect(problemIn(answer)).toEqual([500, 'note-unreadable']);
    expect(answer.body).toMatchObject({ code: 'PLAINTEXT_REFUSED' });
    expect(answer.text).not.toContain('planted');
  });
});

describe('an unexpected error', () => {
  it('is 500, and neither the answer nor the log has its message', async () => {
    const backend = await NotesBackend.start();
    const { url } = await backend.create();
    const secret = 'Unexpected token in "the text of a note"';
    backend.faults.notes = { before: new SyntaxError(secret) };
    const answer = await backend.call('GET', url, { headers: { 'x-request-id': 'r-1' } });
    expect(answer.body).toEqual({
      type: 'urn:notes-backend:problem:internal',
      title: 'The request failed',
      status: 500,
      instance: 'r-1',
    } satisfies ProblemAnswer);
    expect(backend.linesOf(50)).toMatchObject([{ reqId: 'r-1', err: { type: 'SyntaxError' } }]);
    expect(JSON.stringify(backend.log)).not.toContain('the text of a note');
  });
});
