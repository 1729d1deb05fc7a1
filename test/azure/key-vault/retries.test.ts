import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Fault, FaultAction } from '../../support/azure/key-vault/fault.js';
import { note } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { RecordingClock, VaultWorld, type Warm } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const THROTTLED = 'was throttled: lower the concurrency, or spread the load over time';
const GARBLED = 'received an unreadable answer: is there a proxy in between?';
/** The manual clock's jitter is 0.5, and an eighth of the delay is added for it. */
const BACKOFF = [281.25, 562.5, 1_125, 2_250];
const THROTTLED_BACKOFF = [1_125, 2_250, 4_500, 9_000];

interface Trouble {
  readonly name: string;
  readonly fault: FaultAction;
  readonly code?: string;
  readonly problem: string;
  readonly sleeps: readonly number[];
  /** Where the vault said when to come back. */
  readonly retryAfterMs?: number;
}

function trouble(status: number): string {
  return `failed with status ${String(status)}: the key vault is failing`;
}

function throttled(name: string, headers: Readonly<Record<string, string>>): Trouble {
  const fault = { status: 429, headers };
  return { name, fault, code: 'KEY_PROVIDER_THROTTLED', problem: THROTTLED, sleeps: [] };
}

function honoured(name: string, headers: Readonly<Record<string, string>>, ms: number): Trouble {
  return { ...throttled(name, headers), sleeps: Array<number>(4).fill(ms), retryAfterMs: ms };
}

const DATE = 'Mon, 23 Nov 2026 10:00:00 GMT';

const TROUBLES: readonly Trouble[] = [
  { ...throttled('429 without Retry-After', {}), sleeps: THROTTLED_BACKOFF },
  honoured('429 with Retry-After in seconds', { 'retry-after': '7' }, 7_000),
  honoured(
    '429 with Retry-After as a date, by the clock of the vault',
    { 'retry-after': 'Mon, 23 Nov 2026 10:00:05 GMT', date: DATE },
    5_000,
  ),
  honoured(
    '429 with a date that has passed',
    { 'retry-after': 'Mon, 23 Nov 2026 09:00:00 GMT', date: DATE },
    0,
  ),
  honoured('429 with retry-after-ms', { 'retry-after-ms': '730', 'retry-after': '9' }, 730),
  honoured('429 with x-ms-retry-after-ms', { 'x-ms-retry-after-ms': '620' }, 620),
  ...['1.5', '-1', 'soon', '2026-11-23', ''].map((after) => ({
    ...throttled(`429 with Retry-After "${after}", which means nothing`, { 'retry-after': after }),
    sleeps: THROTTLED_BACKOFF,
  })),
  {
    name: '429 without any body',
    fault: { body: '', status: 429, headers: { 'retry-after': '3' } },
    code: 'KEY_PROVIDER_THROTTLED',
    problem: THROTTLED,
    sleeps: [3_000, 3_000, 3_000, 3_000],
    retryAfterMs: 3_000,
  },
  ...[408, 500, 503].map((status) => ({
    name: String(status),
    fault: { status },
    problem: trouble(status),
    sleeps: BACKOFF,
  })),
  {
    name: '503 with Retry-After',
    fault: { status: 503, headers: { 'retry-after': '4' } },
    problem: trouble(503),
    sleeps: [4_000, 4_000, 4_000, 4_000],
    retryAfterMs: 4_000,
  },
  {
    name: '502 of a gateway, in HTML',
    fault: { body: '<h1>Bad Gateway</h1>', status: 502, headers: { 'content-type': 'text/html' } },
    problem: trouble(502),
    sleeps: BACKOFF,
  },
  {
    name: '504 without any body',
    fault: { body: '', status: 504 },
    problem: trouble(504),
    sleeps: BACKOFF,
  },
  {
    name: '409 ObjectIsBeingRecovered',
    fault: { status: 409, innerCode: 'ObjectIsBeingRecovered' },
    problem: 'found the key being deleted or recovered',
    sleeps: BACKOFF,
  },
  {
    name: 'a connection that is reset before the work',
    fault: { resetBefore: true },
    problem: 'lost or could not open the connection (ECONNRESET)',
    sleeps: BACKOFF,
  },
  {
    name: 'a connection that is reset after the work',
    fault: { resetAfter: true },
    problem: 'lost or could not open the connection (ECONNRESET)',
    sleeps: BACKOFF,
  },
  {
    name: 'an answer that is cut off',
    fault: { truncateBody: true },
    problem: GARBLED,
    sleeps: BACKOFF,
  },
  { name: 'an answer that is empty', fault: { body: '' }, problem: GARBLED, sleeps: BACKOFF },
  { name: 'an answer of null', fault: { body: 'null' }, problem: GARBLED, sleeps: BACKOFF },
  {
    name: 'an answer that is no JSON',
    fault: { body: '{"kid":' },
    problem: GARBLED,
    sleeps: BACKOFF,
  },
];

let world: VaultWorld;
let second: string;

beforeAll(async () => {
  world = await VaultWorld.start();
  second = await world.rotate();
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

function unwrapping({ provider, dek, wrap }: Warm): Promise<void> {
  return provider.unwrapKey(wrap).then((bytes) => {
    expect(dek.equals(bytes)).toBe(true);
  });
}

describe.each(TROUBLES)('$name', ({ fault, code, problem, sleeps, retryAfterMs }) => {
  const expected = {
    code: code ?? 'KEY_PROVIDER_UNAVAILABLE',
    retryable: true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };

  it('is tried again, and told after the last of five attempts', async () => {
    const warm = await world.warm();
    const { provider, dek } = warm;
    const wrapping = (): Promise<unknown> => provider.wrapKey(dek, { mekVersion: world.first });
    for (const [use, work] of someOf([
      ['wrapKey', wrapping],
      ['unwrapKey', () => unwrapping(warm)],
    ] as const)) {
      world.fault(fault, use);
      const message = `${use} on ${world.address(world.first)} ${problem}`;
      expect(await world.failure(work())).toEqual({ ...expected, message });
      expect(world.server.requests.map(({ operation }) => operation)).toEqual(
        Array<string>(5).fill(use),
      );
      expect(world.clock.sleeps).toEqual(sleeps);
      world.server.clearScript();
      world.forget();
      world.fault(fault, use, 2);
      await work();
      expect(world.server.count()).toBe(3);
      expect(world.clock.sleeps).toEqual(sleeps.slice(0, 2));
      world.forget();
    }
  });
});

/** One of each sort. */
const LASTING = [
  '429 without Retry-After',
  '429 with Retry-After in seconds',
  '409 ObjectIsBeingRecovered',
  '503',
  'a connection that is reset before the work',
  'a connection that is reset after the work',
  'an answer that is cut off',
];

describe.each(someOf(TROUBLES.filter(({ name }) => LASTING.includes(name))))('$name', (each) => {
  const { fault, code = 'KEY_PROVIDER_UNAVAILABLE' } = each;

  it('leaves no trace in the store while it lasts', async () => {
    const provider = world.provider({ mekVersion: world.first, maxAttempts: 3 });
    const product = await world.product(provider, 2);
    const { memory, encryptor } = product;
    const target = { mekVersion: second };
    const fresh = { workspaceId: 'w', id: 'new', body: 'text' };
    world.fault(fault, 'wrapKey');
    await world.expectNothingWritten(memory, code, () => encryptor.encryptDocument(note, fresh));
    await world.expectNothingWritten(memory, code, () => world.rewrap(encryptor, { target }));
    world.server.clearScript();
    const before = await world.rows(memory);
    world.fault(
      fault,
      ({ operation, version }) => operation === 'unwrapKey' && version === world.first,
    );
    await world.expectNothingWritten(memory, code, () => world.rewrap(encryptor, { target }));
    const withoutOpening = [{ mekVersion: world.first }];
    const { summary, errors } = await world.rewrap(encryptor, { target, withoutOpening });
    expect(summary).toMatchObject({ complete: false, changed: 0, failed: 2 });
    for (const error of errors) expect(error).toMatchObject({ code, retryable: true });
    expect(await world.rows(memory)).toEqual(before);
    world.server.clearScript();
    const rerun = await world.rewrap(encryptor, { target });
    expect(rerun.summary).toMatchObject({ complete: true, changed: 2, failed: 0 });
    await world.expectReadable(product, provider);
  });
});

describe('waiting', () => {
  it('is left to the caller where the vault asks for longer than maxRetryDelayMs', async () => {
    const { provider, wrap } = await world.warm({ maxRetryDelayMs: 3_000 });
    const headers = { 'retry-after': '3600' };
    world.server.script({ on: 'unwrapKey', status: 429, headers, times: Infinity });
    expect(await world.failure(provider.unwrapKey(wrap))).toEqual({
      code: 'KEY_PROVIDER_THROTTLED',
      message: `unwrapKey on ${world.address(world.first)} ${THROTTLED}`,
      retryable: true,
      retryAfterMs: 3_600_000,
    });
    expect(world.server.count()).toBe(1);
    expect(world.clock.sleeps).toEqual([]);
  });

  it('of our own choice is never longer than maxRetryDelayMs, and ends no attempts early', async () => {
    const { provider, wrap } = await world.warm({ maxRetryDelayMs: 3_000, maxAttempts: 8 });
    world.fault({ status: 429 }, 'unwrapKey');
    await world.failure(provider.unwrapKey(wrap));
    expect(world.server.count()).toBe(8);
    expect(world.clock.sleeps).toEqual([1_125, 2_250, 3_000, 3_000, 3_000, 3_000, 3_000]);
  });

  it('does not happen at all with maxRetryDelayMs 0', async () => {
    const { provider, wrap } = await world.warm({ maxRetryDelayMs: 0, maxAttempts: 3 });
    world.fault({ status: 503 }, 'unwrapKey');
    await world.failure(provider.unwrapKey(wrap));
    expect(world.server.count()).toBe(3);
    expect(world.clock.sleeps).toEqual([0, 0]);
  });

  it('ends at once when the caller aborts, and nothing is asked any more', async () => {
    const { provider, wrap } = await world.warm();
    const abort = new AbortController();
    const reason = new Error('enough');
    world.fault({ status: 503 }, 'unwrapKey');
    const sleeping = world.clock.sleep.bind(world.clock);
    world.clock.sleep = (durationMs, signal) => {
      abort.abort(reason);
      return sleeping(durationMs, signal);
    };
    const { signal } = abort;
    expect(await rejection(provider.unwrapKey(wrap, { signal }))).toBe(reason);
    expect(world.server.count()).toBe(1);
  });

  it.each([1, 2, 20])('is over after maxAttempts, here %i', async (maxAttempts) => {
    const { provider, wrap } = await world.warm({ maxAttempts });
    world.fault({ status: 500 }, 'unwrapKey');
    await world.failure(provider.unwrapKey(wrap));
    expect(world.server.count()).toBe(maxAttempts);
  });
});

describe('the quota of a vault', () => {
  it('slows a rotation down, and fails none of its rows', async () => {
    const clock = new RecordingClock();
    const own = await VaultWorld.start({ clock });
    const provider = own.provider({ clock });
    const product = await own.product(provider, 12);
    const target = { mekVersion: await own.rotate() };
    own.server.limit({ operations: 5 });
    const { summary } = await own.rewrap(product.encryptor, { target, concurrency: 1 });
    expect(summary).toMatchObject({ complete: true, changed: 12, failed: 0 });
    expect(own.server.requests.filter(({ status }) => status === 429).length).toBeGreaterThan(5);
    expect(clock.sleeps).toContain(10_000);
    await own.stop();
  });
});

describe('a long call', () => {
  it('that ends in time is no failure', async () => {
    const { provider, dek, wrap } = await world.warm();
    const slow: Fault = { on: 'unwrapKey', delayMs: 60 };
    world.server.script(slow);
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.count()).toBe(1);
    expect(world.clock.sleeps).toEqual([]);
  });

  it('is ended by the deadline, and tried again', async () => {
    const { wrap, dek } = await world.warm();
    world.server.script({ on: 'unwrapKey', hang: true });
    // Attempts enough for a machine that is slow.
    const provider = world.provider({ attemptTimeoutMs: 150, maxAttempts: 20 });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.unspentFaults).toBe(0);
    expect(world.clock.sleeps[0]).toBe(281.25);
  });

  it('that never ends is reported as such, and writes nothing', async () => {
    const { memory } = await world.product(world.provider({ mekVersion: world.first }), 1);
    const provider = world.provider({ attemptTimeoutMs: 100, maxAttempts: 2 });
    world.fault({ hang: true }, ({ authorized }) => authorized);
    const encryptor = world.encryptor(memory, provider);
    const fresh = { workspaceId: 'w', id: 'new', body: 'text' };
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_UNAVAILABLE', () =>
      encryptor.encryptDocument(note, fresh),
    );
    expect(await world.failure(provider.currentVersion())).toEqual({
      code: 'KEY_PROVIDER_UNAVAILABLE',
      message: `get on ${world.address()} had no answer within 100 ms`,
      retryable: true,
    });
  });

  it.each(['unwrapKey', 'wrapKey', 'wrapKey that looks first', 'currentVersion'] as const)(
    'ends at once when the caller aborts: %s',
    async (name) => {
      const { provider, wrap, dek } = await world.warm();
      const cold = world.provider();
      const { signal, abort } = aborting();
      const mekVersion = world.first;
      const calls = {
        unwrapKey: () => provider.unwrapKey(wrap, { signal }),
        wrapKey: () => provider.wrapKey(dek, { mekVersion, signal }),
        'wrapKey that looks first': () => cold.wrapKey(dek, { mekVersion, signal }),
        currentVersion: () => cold.currentVersion({ signal }),
      };
      world.server.script({ hang: true });
      const arrived = world.server.nextRequest(({ authorized }) => authorized);
      const calling = rejection(calls[name]());
      await arrived;
      const reason = new Error('enough');
      abort(reason);
      expect(await calling).toBe(reason);
      expect(world.server.requests.filter(({ authorized }) => authorized)).toHaveLength(1);
      expect(world.clock.sleeps).toEqual([]);
    },
  );
});

function aborting(): { readonly signal: AbortSignal; readonly abort: (reason: Error) => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: (reason) => {
      controller.abort(reason);
    },
  };
}
