import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { HttpAuditSink } from '../../src/audit-sinks/index.js';
import { ManualClock } from '../../src/testing/index.js';
import { auditEvent } from '../support/audit-events.js';
import { rejection } from '../support/failure.js';
import { newFolder } from './audit-folder.js';
import { AuditReceiver, SECRET, type AnswerTo } from './audit-receiver.js';
import { httpSink } from './sinks.js';
import { until } from './until.js';

const OTHER_SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
const EMPTY = { events: 0, bytes: 0 };

describe('HttpAuditSink', () => {
  it('posts each event as CloudEvents in structured mode, signed with both secrets', async () => {
    const receiver = await AuditReceiver.start();
    receiver.secrets = [SECRET, OTHER_SECRET];
    const sink = httpSink(receiver, { folder: newFolder(), secrets: receiver.secrets });
    const events = [1, 2, 3].map((number) => auditEvent(number, { facts: { text: 'ä\u2028"\n' } }));
    for (const event of events) await sink.write(event);
    expect(await sink.flush()).toEqual(EMPTY);
    expect(receiver.problems).toEqual([]);
    expect(receiver.taken.map(({ body }) => body)).toEqual(
      events.map((event) => JSON.stringify(event)),
    );
    expect(receiver.taken.map(({ event }) => event.data)).toEqual(events.map(({ data }) => data));
    for (const { headers, body } of receiver.taken) {
      for (const secret of receiver.secrets) {
        new Webhook(secret).verify(body, headers as Record<string, string>);
      }
      expect(headers['authorization']).toBeUndefined();
    }
  });

  it('sends one event after the other, in the order of the writes', async () => {
    const receiver = await AuditReceiver.start();
    let [underWay, most] = [0, 0];
    receiver.answer = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay -= 1;
      return { status: 200, body: 'stored' };
    };
    const sink = httpSink(receiver, { folder: newFolder() });
    await Promise.all(
      Array.from({ length: 40 }, (_each, index) => sink.write(auditEvent(index + 1))),
    );
    await Promise.all([sink.flush(), sink.flush()]);
    expect(most).toBe(1);
    expect(receiver.requests.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 40 }, (_each, index) => index + 1),
    );
  });

  it('has recorded an event while the service does not answer', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const folder = newFolder();
    const sink = httpSink(receiver, { folder });
    const event = auditEvent(1);
    await sink.write(event);
    expect(await sink.backlog()).toMatchObject({ events: 1, oldestAt: event.time });
    const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.spool'));
    expect(readFileSync(join(folder, name), 'utf8')).toBe(`${JSON.stringify(event)}\n`);
  });

  it.each<[string, AnswerTo, string]>([
    ['500', { status: 500, body: 'x'.repeat(200_000) }, 'HTTP 500'],
    ['410', { status: 410 }, 'HTTP 410'],
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'HTTP 307'],
    ['a cut connection', 'cut', 'ECONNRESET'],
    ['no answer', 'hang', 'TIMEOUT'],
  ])('sends the same event again after %s', async (_what, answer, failure) => {
    const receiver = await AuditReceiver.start();
    const clock = new ManualClock();
    receiver.answer = () => answer;
    const sink = httpSink(receiver, { folder: newFolder(), clock, timeoutMs: 200 });
    await sink.write(auditEvent(1));
    await sink.write(auditEvent(2));
    const isBackingOff = (): boolean => receiver.requests.length === 1 && clock.sleeping === 2;
    await until(isBackingOff, 'the sender backs off');
    expect(await sink.backlog()).toMatchObject({ events: 2, lastFailure: failure });
    receiver.answer = () => ({ status: 200 });
    clock.advance(1_000);
    expect(await sink.flush()).toEqual(EMPTY);
    expect(receiver.requests.map(({ sequence }) => sequence)).toEqual([1, 1, 2]);
    expect(receiver.requests[1]?.body).toBe(receiver.requests[0]?.body);
    expect(receiver.problems).toEqual([]);
  });

  it('signs each attempt with its own time', async () => {
    const receiver = await AuditReceiver.start();
    const clock = new ManualClock();
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '120' } });
    const sink = httpSink(receiver, { folder: newFolder(), clock });
    await sink.write(auditEvent(1));
    await until(() => receiver.requests.length === 1 && clock.sleeping === 2, 'it waits');
    clock.advance(119_000);
    receiver.answer = () => ({ status: 200 });
    await until(() => clock.sleeping >= 1, 'it waits on');
    expect(receiver.requests).toHaveLength(1);
    clock.advance(1_000);
    expect(await sink.flush()).toEqual(EMPTY);
    const times = receiver.requests.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect(times).toEqual([1_767_225_600, 1_767_225_720]);
    expect(receiver.problems).toEqual([]);
  });

  it('asks for the authorization of each request, and keeps none of it', async () => {
    const receiver = await AuditReceiver.start();
    const folder = newFolder();
    const answers = ['Bearer one-token', Promise.resolve('Bearer two-token')];
    const sink = httpSink(receiver, { folder, authorization: () => answers.shift() ?? '' });
    await sink.write(auditEvent(1));
    await sink.write(auditEvent(2));
    await sink.flush();
    const sent = receiver.taken.map(({ headers }) => headers['authorization']);
    expect(sent).toEqual(['Bearer one-token', 'Bearer two-token']);
    const stored = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(stored.join('\n')).not.toMatch(/token|whsec/);
  });

  it.each([
    [
      'throws',
      (): string => {
        throw new Error('Bearer one-token');
      },
    ],
    ['rejects', (): Promise<string> => Promise.reject(new Error('Bearer one-token'))],
    ['returns nothing', (): string => ''],
    ['returns what is no header', (): string => 'Bearer one-token\n'],
  ])('keeps an event whose authorization %s', async (_what, authorization) => {
    const receiver = await AuditReceiver.start();
    const clock = new ManualClock();
    const sink = httpSink(receiver, { folder: newFolder(), clock, authorization });
    await sink.write(auditEvent(1));
    await until(() => clock.sleeping === 2, 'the sender backs off');
    const backlog = await sink.backlog();
    expect(backlog).toMatchObject({ events: 1 });
    expect(['AUTHORIZATION', 'ERR_INVALID_CHAR']).toContain(backlog.lastFailure);
    expect(receiver.requests).toEqual([]);
  });

  it('makes its folder for its owner alone, and removes what is sent when it is closed', async () => {
    const receiver = await AuditReceiver.start();
    const folder = join(newFolder(), 'var', 'spool');
    const sink = httpSink(receiver, { folder });
    expect(await sink.backlog()).toEqual(EMPTY);
    expect(await sink.unfinished()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    await sink.write(auditEvent(1, { what: 'operation.started' }));
    await sink.write(auditEvent(2, { what: 'operation.finished' }));
    await sink.flush();
    await sink.close();
    await sink.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves what is not sent when it is closed, and refuses later events', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const folder = newFolder();
    const sink = httpSink(receiver, { folder });
    const written = sink.write(auditEvent(1));
    await written;
    await sink.close();
    expect(await rejection(sink.write(auditEvent(2)))).toMatchObject({
      code: 'AUDIT_FAILED',
      message: `The audit spool "${folder}" is closed, and the event is not recorded: close the sink last`,
    });
    expect(await sink.flush()).toMatchObject({ events: 1 });
    receiver.answer = () => ({ status: 200 });
    // The next one of the same process.
    expect(await httpSink(receiver, { folder }).flush()).toEqual(EMPTY);
  });
});

describe('flush', () => {
  it('returns what waits where time is over, and rejects where its signal aborts', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const sink = httpSink(receiver, { folder: newFolder() });
    await sink.write(auditEvent(1));
    expect(await sink.flush({ timeoutMs: 20 })).toMatchObject({ events: 1 });
    const stop = new AbortController();
    const flushed = rejection(sink.flush({ signal: stop.signal }));
    stop.abort(new Error('no more'));
    expect(await flushed).toBe(stop.signal.reason);
    expect(await rejection(sink.flush({ signal: stop.signal }))).toBe(stop.signal.reason);
  });

  it('ends where the sink is closed', async () => {
    const receiver = await AuditReceiver.start();
    receiver.answer = () => 'hang';
    const sink = httpSink(receiver, { folder: newFolder() });
    await sink.write(auditEvent(1));
    const flushed = sink.flush({ timeoutMs: 600_000 });
    await sink.close();
    expect(await flushed).toMatchObject({ events: 1 });
  });

  it.each([
    [{ timeoutMs: -1 }, '"timeoutMs" expected an integer from 0 to 86400000, got -1'],
    [{ timeoutMs: '1' }, '"timeoutMs" expected an integer from 0 to 86400000, got a string'],
    [{ signal: {} }, '"signal" expected an AbortSignal, got an object'],
    [
      { timeout: 1 },
      '"timeout" is no option: expected timeoutMs, signal; did you mean "timeoutMs"?',
    ],
  ])('refuses %j', async (options, message) => {
    const sink = httpSink({ url: 'http://localhost:9/' }, { folder: newFolder() });
    const error = await rejection(sink.flush(options as never));
    expect(error).toMatchObject({ message });
  });
});

describe('the options', () => {
  const URL_MESSAGE = '"url" expected "https:", or "http:" for this machine';
  it.each([
    [{ url: undefined }, '"url" expected a string, got undefined'],
    [{ url: 'audit.example.com/token-1' }, '"url" expected an address that begins with "https://"'],
    [{ url: 'http://audit.example.com/token-1' }, URL_MESSAGE],
    [{ url: 'http://localhost.example.com/' }, URL_MESSAGE],
    [{ url: 'file:///etc/passwd' }, URL_MESSAGE],
    [
      { url: 'https://me:token-1@audit.example.com/' },
      '"url" expected no user and no password: pass "authorization"',
    ],
    [{ secrets: [] }, '"secrets.length" expected an integer from 1 to 2, got 0'],
    [{ secrets: ['token-1'] }, '"secrets[0]" expected "whsec_" and 24 to 64 bytes in base64'],
    [{ folder: '' }, '"folder" expected a non-empty string, got an empty one'],
    [{ folder: 1 }, '"folder" expected a non-empty string, got a number'],
    [{ maxBytes: 65_535 }, '"maxBytes" expected an integer from 65536 to 1099511627776, got 65535'],
    [{ timeoutMs: 0 }, '"timeoutMs" expected an integer from 1 to 600000, got 0'],
    [{ authorization: 'Bearer token-1' }, '"authorization" expected a function, got a string'],
    [
      { clock: {} },
      '"clock" expected a clock with wallMs, monotonicMs, sleep and jitter, got an object',
    ],
    [
      { secret: SECRET },
      '"secret" is no option: expected url, secrets, folder, maxBytes, authorization, timeoutMs, clock; did you mean "secrets"?',
    ],
  ])('are refused where they are wrong: %j', (change, message) => {
    const options = { url: 'https://audit.example.com/', secrets: [SECRET], folder: 'spool' };
    expect(() => new HttpAuditSink({ ...options, ...change } as never)).toThrow(message);
    expect(message).not.toContain('token-1');
  });

  it.each([
    'https://audit.example.com/a',
    'http://localhost:1/',
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
  ])('allow %s', async (url) => {
    await httpSink({ url }, { folder: newFolder() }).close();
  });

  it.each([
    [{ id: 'a.b' }, '"event.id" expected visible ASCII characters without a full stop'],
    [{ id: 'ä' }, '"event.id" expected visible ASCII characters without a full stop'],
    [{ id: 1 }, '"event.id" expected a string, got a number'],
    [{ type: undefined }, '"event.type" expected a string, got undefined'],
    [{ time: undefined }, '"event.time" expected a string, got undefined'],
    [{ data: null }, '"event.data" expected a plain object, got null'],
  ])('of an event are refused where they are wrong: %j', async (change, message) => {
    const sink = httpSink({ url: 'http://localhost:9/' }, { folder: newFolder() });
    const error = await rejection(sink.write({ ...auditEvent(1), ...change } as never));
    expect(error).toMatchObject({ name: 'TypeError', message });
  });
});
