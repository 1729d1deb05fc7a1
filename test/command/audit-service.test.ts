import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { resultSchema } from '../../command/modes/audit-send.js';
import { AuditReceiver } from '../audit-sinks/audit-receiver.js';
import { reportIn } from '../support/command-report.js';
import { eventOf, problemsIn, type TrailEvent } from '../support/command-trail.js';
import { CommandWorld } from '../support/command-world.js';

const SECRETS = [randomBytes(32), randomBytes(32)].map(
  (bytes) => `whsec_${bytes.toString('base64')}`,
);
const TOKEN = 'token-of-the-operator';
const NOTES = 4;

interface Audited {
  readonly world: CommandWorld;
  readonly service: AuditReceiver;
}

async function audited(): Promise<Audited> {
  const service = await AuditReceiver.start();
  service.secrets = SECRETS;
  const audit = {
    type: 'http',
    url: service.url,
    secrets: { env: 'AUDIT_SECRETS' },
    token: { env: 'AUDIT_TOKEN' },
    folder: 'audit-spool',
  };
  const world = await CommandWorld.make({ notes: NOTES, config: (own) => ({ ...own, audit }) });
  onTestFinished(() => world[Symbol.asyncDispose]());
  Object.assign(world.env, { AUDIT_SECRETS: SECRETS.join(','), AUDIT_TOKEN: TOKEN });
  return { world, service };
}

function takenBy({ taken }: AuditReceiver): readonly TrailEvent[] {
  return taken.map(({ body }) => eventOf(body));
}

function rotation({ versions }: CommandWorld): readonly string[] {
  return ['rewrap-deks', '--new-mek-version', versions.new];
}

function requireNoSecretOfService(output: string): void {
  const secrets = [TOKEN, ...SECRETS.map((secret) => secret.replace('whsec_', ''))];
  expect(secrets.filter((each) => output.includes(each))).toEqual([]);
}

describe('a service that takes the audit trail', () => {
  it('gets every event once, in order, signed with both secrets', async () => {
    const { world, service } = await audited();
    expect(await world.run(rotation(world))).toMatchObject({ code: 0 });
    const events = takenBy(service);
    expect(events.length).toBeGreaterThan(3);
    expect(problemsIn(events)).toEqual([]);
    expect(service.problems).toEqual([]);
    const tokens = new Set(service.taken.map(({ headers }) => headers.authorization));
    expect([...tokens]).toEqual([`Bearer ${TOKEN}`]);
    const sent = await world.run(['audit', 'send']);
    expect(sent).toMatchObject({ code: 0, stdout: 'No audit event waits.\n' });
  });

  it('delays no rotation while it is down, and gets what waited later, in order', async () => {
    const { world, service } = await audited();
    service.answer = () => ({ status: 503 });
    const rotated = await world.run(rotation(world));
    expect(rotated).toMatchObject({ code: 0 });
    expect(rotated.stderr).toMatch(
      /^\d+ audit events wait in the spool \(HTTP 503\): the next command sends them, or encrypt-migrate audit send$/m,
    );
    requireNoSecretOfService(rotated.stdout + rotated.stderr);
    service.answer = () => ({ status: 202 });
    const outcome = await world.run(['status']);
    expect(outcome.stderr).not.toContain('audit events wait');
    const events = takenBy(service);
    expect(problemsIn(events)).toEqual([]);
    expect(events[0]?.data.operation?.name).toBe('rewrap-deks');
    expect(events.at(-1)?.data.operation?.name).toBe('status');
  });

  it('is asked by audit send, which says what could not be sent', async () => {
    const { world, service } = await audited();
    service.answer = () => ({ status: 500 });
    await world.run(['status']);
    await service.stop();
    const outcome = await world.run(['audit', 'send', '--json'], {
      env: { NODE_OPTIONS: `--import=${shortWait(world)}` },
    });
    expect(outcome.code).toBe(4);
    const report = reportIn(outcome, resultSchema);
    expect(report).toMatchObject({ result: { waiting: 2, lastFailure: 'ECONNREFUSED' } });
    expect(report.next).toEqual([{ why: 'To try again', command: 'encrypt-migrate audit send' }]);
    requireNoSecretOfService(outcome.stdout + outcome.stderr);
  });
});

/** Of the five minutes, a second is left: timers are 300 times as fast. */
function shortWait(world: CommandWorld): string {
  return world.write(
    'fast.mjs',
    `import timers from 'node:timers/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const sleep = timers.setTimeout;
    timers.setTimeout = (ms, ...rest) => sleep(ms / 300, ...rest);
    syncBuiltinESMExports();`,
  );
}

describe('a configuration of the audit trail', () => {
  const http = { type: 'http', url: 'https://trail.example', folder: 'audit-spool' };
  const secrets = { env: 'AUDIT_SECRETS' };

  it.each([
    [{ type: 'syslog' }, 'audit.type: must be "file" or "http"'],
    [{ type: 'file' }, 'audit.file: is missing'],
    [
      { type: 'file', file: 'a', path: 'b' },
      'audit: unknown key "path"; known are type, file, maxBytes',
    ],
    [{ ...http, secrets: 'whsec_AAAA' }, 'audit.secrets: a key may not be in the configuration'],
    [{ ...http, secrets, url: 'http://trail.example' }, 'audit.url: must be'],
    [{ type: 'file', file: 'a', maxBytes: 1 }, 'audit.maxBytes: '],
  ])('%j is refused', async (audit, message) => {
    await using world = await CommandWorld.make();
    const file = world.write('other.json', JSON.stringify({ audit, products: {} }));
    const { code, stderr } = await world.run(['config', 'check', '--config', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    requireNoSecretOfService(stderr);
  });

  it('names the variable of a wrong secret, and not the secret', async () => {
    const { world } = await audited();
    const wrong = `whsec_${Buffer.from('short').toString('base64')}`;
    const { code, stderr } = await world.run(rotation(world), { env: { AUDIT_SECRETS: wrong } });
    expect(code).toBe(2);
    expect(stderr).toContain('AUDIT_SECRETS');
    expect(stderr).not.toContain(wrong.slice('whsec_'.length));
  });

  it('is shown without its secrets', async () => {
    const { world } = await audited();
    const { stdout } = await world.run(['config', 'show']);
    expect(stdout).toMatch(/audit\.secrets +│ \(set, hidden\)/);
    requireNoSecretOfService(stdout);
  });
});
