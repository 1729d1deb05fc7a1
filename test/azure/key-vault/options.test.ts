import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AkvKeyProvider, type AkvKeyProviderOptions } from '../../../src/azure/key-vault/index.js';
import { RecordingClock, VaultWorld } from './vault-world.js';
import { failureOf } from '../../support/failure.js';

let world: VaultWorld;

beforeAll(async () => {
  world = await VaultWorld.start();
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

const VERSION = '0123456789abcdef0123456789abcdef';
const URL_EXPECTED = '"vaultUrl" expected https:// and a host, without path or query';
const LOOPBACK = '"vaultUrl" is on this machine: for an emulator, pass insecureAllowLoopback: true';
const NAME_EXPECTED = '"mekName" expected letters, digits and dashes, without a version';
const VERSION_EXPECTED = '"mekVersion" expected 32 lowercase hex digits';
const ALGORITHMS = '"wrapAlgorithm" expected one of "RSA-OAEP-256", "A256KW", got a string';
const CREDENTIAL = '"credential" expected a TokenCredential, such as DefaultAzureCredential';
const NAMES =
  'vaultUrl, mekName, credential, id, wrapAlgorithm, wrapMode, mekVersion, stateTtlMs, attemptTimeoutMs, maxAttempts, maxRetryDelayMs, clientOptions, insecureAllowLoopback, clock, maxOpsPerSecond, maxQueued';

type ErrorName = 'RangeError' | 'TypeError';
type BadOption = readonly [name: string, value: unknown, error: ErrorName, message: string];

function limit(name: string, least: number, most: number): readonly BadOption[] {
  const expected = `"${name}" expected an integer from ${String(least)} to ${String(most)}, got `;
  const outside = [least - 1, most + 1, least + 0.5, NaN, Infinity, -least || -1];
  return [
    ...outside.map((value): BadOption => [name, value, 'RangeError', expected + String(value)]),
    [name, '1000', 'TypeError', `${expected}a string`],
    [name, null, 'TypeError', `${expected}null`],
  ];
}

const BAD_OPTIONS: readonly BadOption[] = [
  ...[
    'http://kv1.vault.azure.net',
    'https://kv1.vault.azure.net/keys/mek',
    'https://kv1.vault.azure.net//',
    'https://kv1.vault.azure.net/?api-version=7.6',
    'https://kv1.vault.azure.net/#keys',
    'https://user:password@kv1.vault.azure.net',
    'https://user@kv1.vault.azure.net',
    'kv1.vault.azure.net',
    'kv1',
    'https://',
    'ftp://kv1.vault.azure.net',
    'file:///etc/passwd',
  ].map((url): BadOption => ['vaultUrl', url, 'RangeError', URL_EXPECTED]),
  ...['https://localhost:8443', 'https://127.0.0.1', 'https://127.1:443', 'https://[::1]'].map(
    (url): BadOption => ['vaultUrl', url, 'RangeError', LOOPBACK],
  ),
  ['vaultUrl', undefined, 'TypeError', '"vaultUrl" expected a non-empty string, got undefined'],
  ['vaultUrl', '', 'TypeError', '"vaultUrl" expected a non-empty string, got an empty one'],
  [
    'vaultUrl',
    new URL('https://kv1.vault.azure.net'),
    'TypeError',
    '"vaultUrl" expected a non-empty string, got a class instance',
  ],
  ...[
    `mek/${VERSION}`,
    'mek/',
    '../mek',
    'my_mek',
    'mek ',
    'mek?x',
    'm'.repeat(128),
    'm\u00e9k',
  ].map((name): BadOption => ['mekName', name, 'RangeError', NAME_EXPECTED]),
  ['mekName', undefined, 'TypeError', '"mekName" expected a non-empty string, got undefined'],
  ...['latest', VERSION.toUpperCase(), `${VERSION}0`, VERSION.slice(1), `${VERSION}\n`, '../x'].map(
    (version): BadOption => ['mekVersion', version, 'RangeError', VERSION_EXPECTED],
  ),
  ['mekVersion', 7, 'TypeError', '"mekVersion" expected a non-empty string, got a number'],
  ...['RSA-OAEP', 'RSA1_5', 'RSA-OAEP-512', 'A128KW', 'rsa-oaep-256', ''].map(
    (algorithm): BadOption => ['wrapAlgorithm', algorithm, 'TypeError', ALGORITHMS],
  ),
  ['wrapMode', 'remote', 'TypeError', '"wrapMode" expected one of "vault", "local", got a string'],
  ['id', '', 'TypeError', '"id" expected a non-empty string, got an empty one'],
  ['id', '\ud800', 'TypeError', '"id" expected well-formed Unicode, got a lone surrogate'],
  ...[undefined, null, {}, 'token', { getToken: 'token' }].map((credential): BadOption => [
    'credential',
    credential,
    'TypeError',
    CREDENTIAL,
  ]),
  ['clientOptions', null, 'TypeError', '"clientOptions" expected a plain object, got null'],
  [
    'insecureAllowLoopback',
    'yes',
    'TypeError',
    '"insecureAllowLoopback" expected a boolean, got a string',
  ],
  [
    'vaultURL',
    'https://x',
    'RangeError',
    `"vaultURL" is no option: expected ${NAMES}; did you mean "vaultUrl"?`,
  ],
  [
    'maxOpsPerSecond',
    0,
    'RangeError',
    '"maxOpsPerSecond" expected a number above 0 and up to 1000000, got 0',
  ],
  [
    'maxOpsPerSecond',
    '5',
    'TypeError',
    '"maxOpsPerSecond" expected a number above 0 and up to 1000000, got a string',
  ],
  [
    'maxQueued',
    10,
    'RangeError',
    '"maxQueued" limits the queue of "maxOpsPerSecond": pass that as well',
  ],
  ['maxQueued', 0, 'RangeError', '"maxQueued" expected an integer from 1 to 1000000, got 0'],
  ...limit('stateTtlMs', 1_000, 3_600_000),
  ...limit('attemptTimeoutMs', 100, 600_000),
  ...limit('maxAttempts', 1, 20),
  ...limit('maxRetryDelayMs', 0, 600_000).filter(([, value]) => value !== 0),
];

const GOOD = {
  vaultUrl: 'https://kv1.vault.azure.net',
  mekName: 'notelett-mek',
  credential: { getToken: () => Promise.resolve(null) },
};

function make(options: object): AkvKeyProvider {
  return new AkvKeyProvider(options as AkvKeyProviderOptions);
}

describe('an AkvKeyProvider', () => {
  it.each(BAD_OPTIONS)('takes no %s of %j', (option, value, name, message) => {
    expect(failureOf(() => make({ ...GOOD, [option]: value }))).toEqual({ name, message });
  });

  it('takes no options that are none', () => {
    for (const [options, what] of [
      [undefined, 'undefined'],
      [null, 'null'],
      ['https://x', 'a string'],
    ] as const) {
      expect(failureOf(() => make(options as unknown as object))).toEqual({
        name: 'TypeError',
        message: `"options" expected a plain object, got ${what}`,
      });
    }
  });

  it('wraps locally with no key but RSA', () => {
    const options = { ...GOOD, wrapMode: 'local', wrapAlgorithm: 'A256KW' };
    expect(failureOf(() => make(options))).toEqual({
      name: 'RangeError',
      message: '"wrapMode" may be "local" only with RSA-OAEP-256: other keys are secret',
    });
  });

  it('takes nothing from the prototype of its options', () => {
    const inherited = Object.assign(
      Object.create({ insecureAllowLoopback: true }) as object,
      GOOD,
      {
        vaultUrl: 'https://localhost',
      },
    );
    expect(failureOf(() => make(inherited)).name).toBe('TypeError');
    const prototype = Object.prototype as { insecureAllowLoopback?: boolean };
    prototype.insecureAllowLoopback = true;
    try {
      expect(failureOf(() => make({ ...GOOD, vaultUrl: 'https://localhost' })).message).toBe(
        LOOPBACK,
      );
    } finally {
      delete prototype.insecureAllowLoopback;
    }
  });

  it('has the defaults that its documentation names', () => {
    expect(make(GOOD)).toMatchObject({
      id: 'akv',
      mekName: 'notelett-mek',
      wrapAlgorithm: 'RSA-OAEP-256',
    });
    for (const vaultUrl of ['https://kv1.vault.azure.net/', 'https://hsm1.managedhsm.azure.net']) {
      expect(make({ ...GOOD, vaultUrl })).toBeInstanceOf(AkvKeyProvider);
    }
  });

  it('sends no request when it is created', () => {
    let asked = 0;
    const getToken = (): Promise<null> => Promise.resolve(null).finally(() => (asked += 1));
    world.forget();
    world.provider({ credential: { getToken } });
    expect(asked).toBe(0);
    expect(world.server.count()).toBe(0);
  });

  it('waits 60 s, 10 s, 30 s and 5 attempts by default', async () => {
    const clock = new RecordingClock();
    const { provider, wrap, dek } = await world.warm({ clock });
    clock.advance(59_999);
    await provider.wrapKey(dek, { mekVersion: world.first });
    expect(world.server.count('get')).toBe(0);
    clock.advance(1);
    await provider.wrapKey(dek, { mekVersion: world.first });
    expect(world.server.count('get')).toBe(1);
    for (const [after, attempts] of [
      ['30', 5],
      ['31', 1],
    ] as const) {
      world.forget();
      world.fault({ status: 503, headers: { 'retry-after': after } }, 'unwrapKey');
      await world.failure(provider.unwrapKey(wrap));
      expect(world.server.count('unwrapKey')).toBe(attempts);
      world.reset();
    }
  });

  it('lets no option of the SDK bring back its retries, redirects or trust', async () => {
    const { wrap } = await world.warm();
    const provider = world.provider({
      maxAttempts: 2,
      clientOptions: {
        ...world.server.clientOptions(),
        ...{ retryOptions: { maxRetries: 5 }, redirectOptions: { maxRetries: 5 } },
      },
    });
    await provider.unwrapKey(wrap);
    world.forget();
    world.fault({ status: 503 }, 'unwrapKey');
    await world.failure(provider.unwrapKey(wrap));
    expect(world.server.count('unwrapKey')).toBe(2);
    world.reset();
    world.fault({ redirectTo: world.server.url }, 'unwrapKey');
    await world.failure(provider.unwrapKey(wrap));
    expect(world.server.count('unwrapKey')).toBe(1);
    world.reset();
  });

  it('leaves the options of the SDK that it is given as they are', async () => {
    const clientOptions = Object.freeze(world.server.clientOptions());
    const provider = world.provider({ clientOptions });
    await provider.currentVersion();
    expect(Object.keys(clientOptions).sort()).toEqual(
      Object.keys(world.server.clientOptions()).sort(),
    );
  });
});

describe('what a row names as a version', () => {
  const told = {
    code: 'MEK_VERSION_UNKNOWN',
    message:
      'The MEK "notelett-mek" in a key vault has versions of 32 lowercase hex digits, and another form was requested: was the row written with another provider?',
    retryable: false,
  };

  it.each([
    '',
    'latest',
    `${VERSION}/../../other`,
    VERSION.toUpperCase(),
    `${VERSION}?x=1`,
    'env-00',
  ])('never reaches the vault where it is "%s"', async (mekVersion) => {
    const { provider, wrap, dek } = await world.warm();
    expect(await world.failure(provider.unwrapKey({ ...wrap, mekVersion }))).toEqual(told);
    expect(await world.failure(provider.wrapKey(dek, { mekVersion }))).toEqual(told);
    expect(world.server.count()).toBe(0);
  });

  it('keeps no client forever, except those in use', async () => {
    const { wrap, dek } = await world.warm();
    let tokens = 0;
    const credential = world.server.credential();
    const getToken: typeof credential.getToken = (...args) => {
      tokens += 1;
      return credential.getToken(...args);
    };
    const provider = world.provider({ credential: { getToken } });
    const versions = Array.from({ length: 70 }, (_each, at) => at.toString(16).padStart(32, '0'));
    const [often = '', ...others] = versions;
    const miss = async (mekVersion: string): Promise<void> => {
      const { code } = await world.failure(provider.unwrapKey({ ...wrap, mekVersion }));
      expect(code).toBe('MEK_VERSION_UNKNOWN');
    };
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    for (const mekVersion of others) {
      await miss(mekVersion);
      await miss(often);
    }
    // Each client of the SDK asks for a token of its own, once.
    expect(tokens).toBe(1 + versions.length);
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(tokens).toBe(2 + versions.length);
  });
});
