/** Needs the built package: it is installed for the child processes. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import { VaultWorld } from './vault-world.js';
import { isSlow, someOf } from '../../support/lane.js';

const ROOT = join(import.meta.dirname, '../../..');
const CHILDREN = join(import.meta.dirname, 'processes');

let directory: string;
let world: VaultWorld;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

beforeEach(async () => {
  world = await VaultWorld.start();
});

afterEach(() => world.stop());

/** A folder with the package as it is installed, and beside it these packages alone. */
function installed(...packages: readonly string[]): (entry: string) => string {
  const folder = mkdtempSync(join(directory, 'app-'));
  const library = join(folder, 'node_modules/@bytelyst/field-encrypt');
  mkdirSync(library, { recursive: true });
  cpSync(join(ROOT, 'dist'), join(library, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(library, 'package.json'));
  for (const name of ['lru-cache', ...packages]) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(join(link, '..'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  return (entry) => pathToFileURL(join(library, 'dist', entry)).href;
}

const AZURE = ['@azure/keyvault-keys', '@azure/identity'];

interface Child {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly printed: () => string;
}

/** With nothing in its environment but what is given. */
function start(script: string, args: readonly string[], env: Record<string, string>): Child {
  const child = fork(join(CHILDREN, script), args, { env, execArgv: [], silent: true });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  return { child, printed: () => text };
}

async function messageOf({ child, printed }: Child): Promise<unknown> {
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`The child ended with ${String(code)}: ${printed()}`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
  return message;
}

function environment(): Record<string, string> {
  return {
    ...world.server.identityProvider.environment(),
    FIELD_ENCRYPT_ENABLED: 'true',
    FIELD_ENCRYPT_PRODUCT: 'notelett',
    FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
    AZURE_KEYVAULT_URL: world.server.url,
    FIELD_ENCRYPT_MEK_NAME: MEK_NAME,
  };
}

/** Without what a fresh token is asked for by: it begins as a token does, and holds a time alone. */
function withoutClaims(printed: string): string {
  return printed.replaceAll(/(?<=claims=\\?")([\w=]+)(?=\\?")/g, (claims) => {
    const value: unknown = expect.stringMatching(/^\d{10}$/);
    expect(JSON.parse(atob(claims))).toEqual({ access_token: { nbf: { essential: true, value } } });
    return '';
  });
}

const ENV_KEY = 'bb8b6ecbbb7aab8e20564cca8d5e9de143425a06c318dab0c608799df59ecb43';

function missing(name: string): string {
  return `ConfigurationError: Encryption is not configured:\n- FIELD_ENCRYPT_KEY_PROVIDER is "akv", which needs the package ${name}: run npm install ${name}`;
}

describe('a process that has its environment alone', () => {
  it('seals and opens its first note with four requests at most, and another opens it with two', async () => {
    const at = installed(...AZURE);
    const running = start(
      'init-child.mjs',
      [at('index.js'), at('testing/index.js')],
      environment(),
    );
    expect(await messageOf(running)).toBe('written: Hi');
    const operations = (): string[] =>
      world.server.requests.map(
        ({ operation, authorized }) => `${operation}${authorized ? '' : ' without a token'}`,
      );
    expect(operations()).toEqual(['get without a token', 'get', 'wrapKey']);
    expect(operations().length).toBeLessThanOrEqual(4);
    expect(world.server.unauthorizedBodies).toBe(0);
    world.forget();
    running.child.send('go');
    expect(await messageOf(running)).toBe('read: Hi');
    expect(operations()).toEqual(['unwrapKey without a token', 'unwrapKey']);
    running.child.send('go');
    await once(running.child, 'close');
    expect(running.printed()).toBe('');
  });

  it.runIf(isSlow)('prints no DEK and no token, however much the SDK logs', async () => {
    const at = installed(...AZURE);
    const dek = world.dek();
    const env = { ...environment(), AZURE_LOG_LEVEL: 'verbose', TEST_DEK: dek.toString('hex') };
    const quoting = `It was ${dek.toString('base64url')}.`;
    const args = [at('azure/key-vault/index.js'), world.server.url, MEK_NAME, world.first];
    const running = start('verbose-child.mjs', args, env);
    const told = (await messageOf(running)) as { isSame: boolean; wrappedDek: string };
    expect(told.isSame).toBe(true);
    world.server.script(
      { status: 400, message: quoting },
      { status: 403, code: quoting, innerCode: quoting },
      { body: quoting, times: 2 },
      { resetAfter: true, times: 2 },
      { status: 401, message: quoting, times: 2 }, // the second time for a fresh token
    );
    running.child.send('go');
    expect(await messageOf(running)).toEqual([
      'WRAP_REJECTED',
      'KEY_PROVIDER_DENIED',
      'KEY_PROVIDER_UNAVAILABLE',
      'KEY_PROVIDER_UNAVAILABLE',
      'KEY_PROVIDER_DENIED',
    ]);
    expect(world.server.unspentFaults).toBe(0);
    await once(running.child, 'close');
    const printed = running.printed();
    expect(printed).toContain('azure:core-rest-pipeline');
    expect(printed).toContain('/unwrapkey');
    expect(printed).toMatch(/authorization/i);
    expect(withoutClaims(printed)).not.toMatch(/eyJ[\w-]{10,}/);
    expect(printed).not.toContain(told.wrappedDek);
    expect(world.secrets.findIn(printed)).toEqual([]);
  });
});

describe('a package that is not installed', () => {
  it.each(
    someOf([
      ['@azure/keyvault-keys', []],
      ['@azure/identity', ['@azure/keyvault-keys']],
    ] as const),
  )('%s is named, where the vault needs it', async (name, others) => {
    const at = installed(...others);
    const running = start(
      'init-child.mjs',
      [at('index.js'), at('testing/index.js')],
      environment(),
    );
    const [code] = (await once(running.child, 'close')) as [number];
    expect(code).toBe(1);
    expect(running.printed()).toContain(missing(name));
    expect(world.server.count()).toBe(0);
  });

  it('is not missed where there is no vault', async () => {
    const at = installed();
    const running = start('init-child.mjs', [at('index.js'), at('testing/index.js')], {
      FIELD_ENCRYPT_ENABLED: 'true',
      FIELD_ENCRYPT_PRODUCT: 'notelett',
      FIELD_ENCRYPT_KEY_PROVIDER: 'env',
      FIELD_ENCRYPT_KEY: ENV_KEY,
    });
    expect(await messageOf(running)).toBe('written: Hi');
    running.child.send('go');
    expect(await messageOf(running)).toBe('read: Hi');
    running.child.send('go');
    const [code] = (await once(running.child, 'close')) as [number];
    expect(code).toBe(0);
    expect(running.printed()).toBe('');
  });
});
