/** The page of operators, and its stream, by HTTP. Needs the built package. */
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { connect } from 'node:net';
import { diagnosticsChannels, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ReceivedUpdate } from '../support/operators-world.js';
import { OperatorsWorld } from '../support/operators-world.js';
import { OperatorWatch } from '../../examples/notes-backend/src/ops/operator-watch.js';
import { StoreWatch } from '../../examples/notes-backend/src/ops/store-watch.js';
import { secretWatch } from '../support/secrets/secret-watch.js';

async function firstOf(updates: AsyncGenerator<ReceivedUpdate>): Promise<ReceivedUpdate> {
  const { value } = (await updates.next()) as { value: ReceivedUpdate };
  return value;
}

/** Without a server, and with nothing that lingers. */
function watchOf(world: OperatorsWorld, lingerMs = 0): OperatorWatch {
  const { encryptor } = world.encryption;
  const { readiness } = world.server;
  const watch = new OperatorWatch({ encryptor, readiness, auditFile: undefined, lingerMs });
  onTestFinished(() => {
    watch.close();
  });
  return watch;
}

describe('the page of operators', () => {
  it('has no data, and lets in nothing from elsewhere', async () => {
    const world = await OperatorsWorld.start();
    const page = await world.get('/ops');
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ]);
    const html = await page.text();
    expect(html).not.toContain('notelett');
    expect(html).not.toMatch(
      /<script(?![^>]* src=)|<style|style="|\son\w+=|https?:\/\/(?!www\.w3)/,
    );
    const policy = String(page.headers.get('content-security-policy'));
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    const paths = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) expect([path, (await world.get(path)).status]).toEqual([path, 200]);
  });

  it.each([
    ['no token', undefined, 401],
    ['nonsense', 'a.b.c', 401],
    ['a token of a user', [], 403],
    ['a token of another role', ['operators', 'Operator'], 403],
  ] as const)('shows nothing for %s', async (_what, given, status) => {
    const world = await OperatorsWorld.start();
    const token = typeof given === 'object' ? await world.token({ roles: given }) : given;
    const answer = await world.get('/ops/events', token);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      status,
      'application/problem+json',
    ]);
    // Nor by the address, which would be logged.
    const inAddress = `/ops/events?token=${await world.token()}`;
    expect((await world.get(inAddress)).status).toBe(401);
  });
});

describe('the stream of operators', () => {
  it('begins with everything, goes on after the last id, and begins anew for an unknown one', async () => {
    const world = await OperatorsWorld.start();
    const watching = world.updates();
    const whole = await firstOf(watching);
    expect(whole).toMatchObject({ isWhole: true, versions: [world.versions.old] });
    expect(whole.points.map(([, ...rows]) => rows)).toEqual([[3]]);
    expect(whole.state).toMatchObject({
      product: 'notelett',
      rotation: { epoch: 1, state: 'complete', mekVersion: world.versions.old },
      rows: { number: 1, live: 3, behind: 0, settled: true },
    });

    await world.readAll();
    let later = whole;
    while (later.state.counts.cache.miss < 3) later = await firstOf(watching);
    expect(later).toMatchObject({ isWhole: false, points: [] });
    expect(later.state.counts).toMatchObject({
      unwraps: [{ mekVersion: world.versions.old, count: 3 }],
      failedUnwraps: 0,
      throttles: 0,
    });
    const again = await firstOf(world.updates(later.id));
    expect(again).toMatchObject({ isWhole: false, points: [] });
    for (const unknown of ['x', '1.2', `${later.id}9999999999999999`, `.${later.id}`]) {
      const { isWhole, points } = await firstOf(world.updates(unknown));
      expect([unknown, isWhole, points.length]).toEqual([unknown, true, 1]);
    }
    await watching.return(undefined);
  });

  it('has readiness, and the newest events of the audit trail', async () => {
    const world = await OperatorsWorld.start();
    const { state } = await world.updateWhere((each) =>
      Boolean(each.state.readiness && each.state.audit?.events.length),
    );
    expect(state).toMatchObject({ isAudited: true, readiness: { ready: true } });
    // At its start the service records which fields it encrypts.
    expect(state.audit?.events.map(({ what, name }) => [what, name])).toEqual([
      ['operation.finished', 'registerDefinitions'],
      ['record.changed', 'registerDefinitions'],
      ['operation.started', 'registerDefinitions'],
    ]);
  });

  it('shows a run of this process by its names and numbers', async () => {
    const world = await OperatorsWorld.start({ notes: 20 });
    const updates = world.updates();
    await firstOf(updates);
    const { encryptor } = world.encryption;
    const target = { mekVersion: world.versions.new };
    for await (const { type } of rewrapAllDeks(encryptor, { target })) {
      if (type === 'failed') throw new Error('A row failed');
    }
    let update = await firstOf(updates);
    while (!update.state.nextSteps[0]?.command || update.state.counts.run?.event !== 'finished') {
      update = await firstOf(updates);
    }
    const { counts, nextSteps } = update.state;
    expect(Object.keys(counts.run ?? {})).toEqual([
      'id',
      'run',
      'dryRun',
      'event',
      'total',
      'left',
    ]);
    expect(counts.run).toMatchObject({ run: 'rewrapAllDeks', dryRun: false, total: 20, left: 0 });
    expect(nextSteps[0]?.command).toMatch(/^npx encrypt-migrate verify /);
    await updates.return(undefined);
  });

  it('says by a code that the database is down, and never by a message', async () => {
    const world = await OperatorsWorld.start();
    const updates = world.updates();
    await firstOf(updates);
    world.dropRows();
    let update = await firstOf(updates);
    while (!update.state.nextSteps.some(({ level }) => level === 'alarm')) {
      update = await firstOf(updates);
    }
    const [step] = update.state.nextSteps;
    expect(step?.text).toMatch(/^The rows of keys cannot be read: [A-Z_]+\./);
    expect(JSON.stringify(update)).not.toMatch(/no such table|SqliteError/);
    await updates.return(undefined);
  });

  it('is for twenty watchers, who share one count', async () => {
    const world = await OperatorsWorld.start();
    const watching = Array.from({ length: 20 }, () => world.updates());
    const first = await Promise.all(watching.map((each) => firstOf(each)));
    expect(first.map(({ state }) => state.rows?.number)).toEqual(Array(20).fill(1));
    expect(new Set(first.map(({ state }) => state.rows?.at)).size).toBe(1);
    const refused = await world.get('/ops/events', await world.token());
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await refused.json()).toMatchObject({ detail: 'Too many operators watch.' });
    await watching[0]?.return(undefined);
    // The service has to notice that the connection is gone.
    let status = 429;
    while (status === 429) {
      const next = new AbortController();
      const answer = await fetch(`${world.address}/ops/events`, {
        headers: { authorization: `Bearer ${await world.token()}` },
        signal: next.signal,
      });
      status = answer.status;
      next.abort();
    }
    expect(status).toBe(200);
    await Promise.all(watching.map((each) => each.return(undefined)));
  });

  it('ends when the server closes, with watchers', async () => {
    const world = await OperatorsWorld.start();
    const updates = world.updates();
    await firstOf(updates);
    const rest = (async () => {
      let count = 0;
      for await (const update of updates) count += update.id === '' ? 0 : 1;
      return count;
    })();
    await world.server.app.close();
    expect(await rest).toBeLessThan(5);
  });

  it('does not keep a server that closes waiting by connections that were opened and not used', async () => {
    const world = await OperatorsWorld.start();
    const { hostname, port } = new URL(world.address);
    const unused = connect(Number(port), hostname);
    const isClosed = once(unused, 'close');
    unused.resume();
    await once(unused, 'connect');
    await world.get('/health');
    await world.server.app.close();
    await isClosed;
  }, 60_000);

  it('counts sooner where rows may have changed', async () => {
    const world = await OperatorsWorld.start();
    const watch = new StoreWatch(world.encryption.encryptor);
    let now = 1_000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    onTestFinished(() => {
      clock.mockRestore();
    });
    const { signal } = new AbortController();
    const counted = [await watch.look(signal)];
    now += 2_000;
    counted.push(await watch.look(signal));
    watch.expectChange();
    counted.push(await watch.look(signal));
    now += 2_000;
    counted.push(await watch.look(signal));
    expect(counted).toEqual([true, false, true, false]);
  });

  it('counts again soon after a run, and not after each deletion', async () => {
    const world = await OperatorsWorld.start();
    const recorded = (id: string, type: string): void => {
      const event = {
        id,
        time: '2026-01-01T00:00:00.000Z',
        type: `com.bytelyst.field-encrypt.${type}.v1`,
        data: {},
      };
      appendFileSync(world.auditFile, `${JSON.stringify(event)}\n`);
    };
    const updates = world.updates();
    let update = await firstOf(updates);
    while (!update.state.audit) update = await firstOf(updates);
    const next = async (id: string, type: string): Promise<void> => {
      recorded(id, type);
      while (update.state.audit?.events[0]?.id !== id) update = await firstOf(updates);
    };
    await next('1', 'dek.shredded');
    await next('2', 'dek.shredded');
    expect(update.state.rows?.number).toBe(1);
    await next('3', 'operation.finished');
    while (update.state.rows?.number === 1) update = await firstOf(updates);
    expect(update.state.rows?.number).toBe(2);
    await updates.return(undefined);
  });

  it('costs nothing without watchers', async () => {
    const world = await OperatorsWorld.start();
    const names = [
      diagnosticsChannels.cache,
      diagnosticsChannels.retry,
      diagnosticsChannels.run,
      `tracing:${diagnosticsChannels.unwrap}:asyncEnd`,
      `tracing:${diagnosticsChannels.wrap}:asyncEnd`,
    ];
    const heard = (): readonly boolean[] => names.map((name) => channel(name).hasSubscribers);
    const watch = watchOf(world);
    // Without the listener of all tests.
    await secretWatch.unheard(async () => {
      expect([watch.isActive, ...heard()]).toEqual([false, ...names.map(() => false)]);
      const one = watch.watch(undefined);
      const other = watch.watch(undefined);
      expect([watch.isActive, ...heard()]).toEqual([true, ...names.map(() => true)]);
      one?.stop();
      one?.stop();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(watch.isActive).toBe(true);
      other?.stop();
      while (watch.isActive) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(heard()).toEqual(names.map(() => false));
    });
  });

  it('gives a slow watcher the newest state only', async () => {
    const world = await OperatorsWorld.start();
    const watch = watchOf(world);
    const [slow, fast] = [watch.watch(undefined), watch.watch(undefined)];
    if (!slow || !fast) throw new Error('It is full');
    const idIn = (text: unknown): string => String(/^id: (.*)$/m.exec(String(text))?.[1]);
    const next = async ({ events }: typeof slow): Promise<string> =>
      String((await events.next()).value);
    for (const each of [slow, fast]) expect(await next(each)).toBe('retry: 1000\n\n');
    const first = idIn(await next(slow));
    expect(idIn(await next(fast))).toBe(first);
    let newest = '';
    // Three more revisions, of which the slow watcher reads none.
    for (let revision = 0; revision < 3; revision += 1) {
      await world.readAll();
      newest = await next(fast);
    }
    expect(await next(slow)).toBe(newest);
    slow.stop();
    expect((await slow.events.next()).done).toBe(true);
  });

  it('shows no token, key or note in the log, and none in the stream', async () => {
    const world = await OperatorsWorld.start();
    const token = await world.token();
    const updates = world.updates(undefined, token);
    await firstOf(updates);
    await world.readAll();
    const update = JSON.stringify(await firstOf(updates));
    await updates.return(undefined);
    const log = world.log.join('');
    for (const secret of [token, world.keys.old, world.keys.new, 'A secret body', 'Title of']) {
      expect([log.includes(secret), update.includes(secret)]).toEqual([false, false]);
    }
    expect(log).toContain('/ops/events');
    // Keys of documents, and of DEKs, say who reads what.
    expect(update).not.toMatch(/dekId|workspaceId|"w1"/);
  });
});
