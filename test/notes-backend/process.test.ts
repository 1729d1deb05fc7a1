/** The backend as a process: its start, its signals, its stop. Needs the built package. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { BackendProcess, folderForTest } from '../support/notes-backend-process.js';

const LIST = '/api/notes?workspaceId=w1';
const NOTE = { title: 'Plans', body: 'Call the bank' };

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  DATABASE_FILE: join(folderForTest(), 'notes.db'),
  ...more,
});

/** @returns `false` where it did not accept requests any more when they were sent. */
async function stopsInOrder(delayMs: number): Promise<boolean> {
  const backend = await BackendProcess.start(environment({ SHUTDOWN_DELAY_MS: String(delayMs) }));
  const token = await backend.token();
  const { hostname, port } = new URL(backend.address);
  // A request whose body arrives in two parts, around the signal.
  const body = JSON.stringify(NOTE);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(
    `POST ${LIST} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body.slice(0, 5)}`,
  );
  await backend.untilLogged(/incoming request/);
  backend.signal('SIGTERM');
  await backend.untilLogged(/not ready from now on/);
  const unlessClosed = (path: string, options = {}) =>
    backend.request('GET', path, options).catch(() => undefined);
  const readiness = await unlessClosed('/api/diagnostics/readiness');
  // Load balancers may not have noticed yet.
  const list = await unlessClosed(LIST, { token });
  socket.write(body.slice(5));
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 201 /);
  expect(await backend.ended).toBe(0);
  await expect(backend.request('GET', '/health')).rejects.toThrow();
  if (!readiness || !list) return false;
  expect([readiness.status, readiness.body]).toMatchObject([503, { stopping: true }]);
  expect(readiness.headers.get('connection')).toBe('close');
  expect(list.status).toBe(200);
  return true;
}

describe('the process', () => {
  it('keeps its notes over a restart', async () => {
    const env = environment();
    const first = await BackendProcess.start(env);
    const token = await first.token();
    const created = await first.request('POST', LIST, { token, body: NOTE });
    expect(created.status).toBe(201);
    first.signal('SIGTERM');
    expect(await first.ended).toBe(0);
    expect(first.stderr).toBe('');

    const second = await BackendProcess.start(env);
    const read = await second.request('GET', String(created.headers.get('location')), { token });
    expect(read.body).toMatchObject(NOTE);
    expect(read.headers.get('etag')).toBe(created.headers.get('etag'));
  });

  it('records shredded keys, and notes that cannot be opened, in its audit trail', async () => {
    const folder = folderForTest();
    const [AUDIT_FILE, DATABASE_FILE] = ['audit.jsonl', 'notes.db'].map((name) =>
      join(folder, name),
    ) as [string, string];
    const backend = await BackendProcess.start({ AUDIT_FILE, DATABASE_FILE });
    const token = await backend.token();
    const [gone, bad] = [
      await backend.request('POST', LIST, { token, body: NOTE }),
      await backend.request('POST', LIST, { token, body: NOTE }),
    ];
    const headers = { 'if-match': '*' };
    const deleted = await backend.request('DELETE', String(gone.headers.get('location')), {
      token,
      headers,
    });
    expect(deleted.status).toBe(204);
    const database = new Database(DATABASE_FILE);
    database.exec(`UPDATE notes SET document = replace(document, '"title"', '"tittle"')`);
    database.close();
    const read = await backend.request('GET', String(bad.headers.get('location')), { token });
    expect(read.status).toBe(500);
    backend.signal('SIGTERM');
    expect(await backend.ended).toBe(0);
    const types = readFileSync(AUDIT_FILE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly type: string }).type);
    const recorded = [
      // At the start: which fields this version encrypts.
      'operation.started',
      'record.changed',
      'operation.finished',
      'deks.shredded',
      'open.failed',
    ];
    expect(types).toEqual(recorded.map((what) => `com.bytelyst.field-encrypt.${what}.v1`));
  });

  it('does not start with a wrong configuration, and says all that is wrong', async () => {
    const backend = BackendProcess.begin(environment({ PORT: 'x', LOG_LEVEL: 'y' }));
    expect(await backend.ended).toBe(2);
    expect(backend.stderr).toBe(`The service is not configured:
- PORT must be a whole number from 0 to 65535
- LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent
`);
    expect(backend.log).toEqual([]);
  });

  it('does not start with a variable that the library refuses, and shows no value', async () => {
    const weak = 'A'.repeat(43) + '=';
    const backend = BackendProcess.begin(
      environment({ FIELD_ENCRYPT_KEY: weak, FIELD_ENCRYPT_PRODUCTS: 'mistyped' }),
    );
    expect(await backend.ended).toBe(1);
    expect(backend.stderr).toMatch(/^Encryption is not configured:\n- FIELD_ENCRYPT_PRODUCTS /);
    expect(backend.stderr).not.toMatch(/AAAA|mistyped/);
  });

  it('is not ready while it stops, finishes what is in flight, and accepts nothing after that', async () => {
    // On a slow machine the delay may be over before the requests: then the next one is longer.
    for (const delayMs of [1_500, 10_000, 60_000]) if (await stopsInOrder(delayMs)) return;
    expect.unreachable('It stopped accepting requests before its delay was over');
  });

  it('gives up on a request that never ends, with an error', async () => {
    const backend = await BackendProcess.start(environment({ SHUTDOWN_TIMEOUT_MS: '200' }));
    const token = await backend.token();
    const { hostname, port } = new URL(backend.address);
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `POST ${LIST} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
    );
    await backend.untilLogged(/incoming request/);
    backend.signal('SIGTERM');
    expect(await backend.ended).toBe(1);
    expect(backend.log.at(-1)).toMatchObject({ level: 50 });
  });

  it('takes other keys for tokens from JWT_FILE at SIGHUP, and keeps those it has where they are wrong', async () => {
    const file = join(folderForTest(), 'jwt.env');
    const [first, second] = ['a', 'b'].map((kid) => ({
      kid,
      secret: randomBytes(32).toString('base64url'),
    })) as [{ kid: string; secret: string }, { kid: string; secret: string }];
    const variables = (current: typeof first, previous?: typeof first) => ({
      JWT_CURRENT_KID: current.kid,
      JWT_CURRENT_SECRET: current.secret,
      ...(previous && { JWT_PREVIOUS_KID: previous.kid, JWT_PREVIOUS_SECRET: previous.secret }),
    });
    const write = (lines: Readonly<Record<string, string>>): void => {
      const all = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
      writeFileSync(file, all.join(''));
    };
    write(variables(first));
    const backend = await BackendProcess.start(environment({ JWT_FILE: file }));
    const [old, fresh] = await Promise.all(
      [first, second].map((key) => backend.token(['w1'], variables(key))),
    );
    const statuses = async () =>
      Promise.all(
        [old, fresh].map(
          async (token) => (await backend.request('GET', LIST, { token: String(token) })).status,
        ),
      );
    expect(await statuses()).toEqual([200, 401]);

    write(variables(second, first));
    backend.signal('SIGHUP');
    await backend.untilLogged(/were read again/);
    expect(await statuses()).toEqual([200, 200]);

    write({ JWT_CURRENT_KID: 'c' });
    backend.signal('SIGHUP');
    await backend.untilLogged(/stay as they were/);
    expect(await statuses()).toEqual([200, 200]);

    // The emergency switch.
    backend.log.length = 0;
    write({ ...variables(second, first), JWT_REFUSED_KIDS: first.kid });
    backend.signal('SIGHUP');
    await backend.untilLogged(/were read again/);
    expect(await statuses()).toEqual([401, 200]);
  });
});
