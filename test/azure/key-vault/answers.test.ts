import { Agent } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { VaultClientOptions } from '../../../src/azure/key-vault/index.js';
import type { LiveDekRow } from '../../../src/adapters.js';
import { akvProvider, MEK_NAME } from '../../support/azure/akv-provider.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import type { VaultRequest } from '../../support/azure/key-vault/request-log.js';
import { note } from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';
import { VaultWorld } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const FRESH = { workspaceId: 'w', id: 'new', body: 'text' };

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

function otherKey(mekVersion?: string): { code: string; message: string; retryable: boolean } {
  return {
    code: 'KEY_PROVIDER_FAILED',
    message: `The vault answered for a key other than ${world.address(mekVersion)}: check any proxy in between`,
    retryable: false,
  };
}

const OTHER_KEYS: readonly (readonly [string, (server: KeyVaultServer) => true | string])[] = [
  ['another version', () => true],
  ['another key', ({ url }) => `${url}/keys/other/${world.first}`],
  ['another vault', () => `https://evil.example/keys/${MEK_NAME}/${world.first}`],
  ['a longer path', ({ url }) => `${url}/keys/${MEK_NAME}/${world.first}/x`],
  ['no version', ({ url }) => `${url}/keys/${MEK_NAME}`],
  ['nothing', () => ''],
];

describe('an answer about another key', () => {
  it.each(OTHER_KEYS)('(%s) is no wrap, and no DEK', async (_name, kidOf) => {
    const { provider, dek, wrap } = await world.warm();
    world.fault({ wrongKid: kidOf(world.server) }, () => true);
    const wrapping = provider.wrapKey(dek, { mekVersion: world.first });
    expect(await world.failure(wrapping)).toEqual(otherKey(world.first));
    expect(await world.failure(provider.unwrapKey(wrap))).toEqual(otherKey(world.first));
    expect(world.server.requests.map(({ operation }) => operation)).toEqual([
      'wrapKey',
      'unwrapKey',
    ]);
  });

  it('is no state of the version that was read', async () => {
    const { server } = world;
    const { provider, dek } = await world.warm();
    server.script({ on: 'get', wrongKid: true });
    const wrapping = provider.wrapKey(dek, { mekVersion: second });
    expect(await world.failure(wrapping)).toEqual(otherKey(second));
    expect(server.count('wrapKey')).toBe(0);
    await provider.wrapKey(dek, { mekVersion: second });
  });

  it.each([
    ['another vault', `https://evil.example/keys/${MEK_NAME}/`],
    ['another key', 'https://localhost/keys/other/'],
  ])('(%s) is no current version', async (_name, start) => {
    const wrongKid = `${start}${second}`;
    world.server.script({ on: 'get', wrongKid });
    expect(await world.failure(world.provider().currentVersion())).toEqual(otherKey());
  });

  it.each(['latest', 'ABCDEF0123456789ABCDEF0123456789', `${'0'.repeat(31)}g`])(
    'that gives no exact version, %s, is no current version',
    async (version) => {
      world.server.script({ on: 'get', wrongKid: `${world.address()}/${version}` });
      expect(await world.failure(world.provider().currentVersion())).toEqual({
        code: 'KEY_PROVIDER_FAILED',
        message: `The vault returned no exact version of ${world.address()}: check any proxy in between`,
        retryable: false,
      });
    },
  );

  it('writes nothing, and fails rows without touching them', async () => {
    const provider = world.provider({ mekVersion: world.first });
    const { memory, encryptor } = await world.product(provider);
    world.fault({ wrongKid: true }, 'wrapKey');
    const begin = (): Promise<unknown> =>
      world.rewrap(encryptor, { target: { mekVersion: second } });
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_FAILED', begin);
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_FAILED', () =>
      encryptor.encryptDocument(note, FRESH),
    );
    world.server.clearScript();
    const before = await world.rows(memory);
    const ofSource = ({ operation, version }: VaultRequest): boolean =>
      operation === 'unwrapKey' && version === world.first;
    world.fault({ wrongKid: true }, ofSource);
    const target = { mekVersion: second };
    await world.expectNothingWritten(memory, 'MEK_UNUSABLE', () =>
      world.rewrap(encryptor, { target }),
    );
    const withoutOpening = [{ mekVersion: world.first }];
    const run = await world.rewrap(encryptor, { target, withoutOpening });
    expect(run.summary).toMatchObject({ complete: false, changed: 0, failed: 3 });
    expect(await world.rows(memory)).toEqual(before);
  });
});

describe('an unwrap that gives the wrong bytes', () => {
  it.each(someOf([31, 0, 33]))(
    '(%i of them) is passed on, and the row is as good as altered',
    async (length) => {
      const provider = world.provider({ mekVersion: world.first });
      const product = await world.product(provider, 2);
      const { memory, stored } = product;
      const before = await world.rows(memory);
      const fault = length === 0 ? { emptyValue: true as const } : { wrongDekLength: length };
      world.fault(
        fault,
        ({ operation, version }) => operation === 'unwrapKey' && version === world.first,
      );
      const [row] = await world.rows(memory);
      const bytes = await provider.unwrapKey(row as LiveDekRow);
      expect(bytes).toBeInstanceOf(Uint8Array);
      expect(bytes).toHaveLength(length);
      const reader = world.encryptor(memory, provider);
      await world.expectNothingWritten(memory, 'TAMPERED', () =>
        reader.decryptDocument(note, stored[0] as never),
      );
      const run = await world.rewrap(world.encryptor(memory, provider), {
        target: { mekVersion: second },
        withoutOpening: [{ mekVersion: world.first }],
      });
      expect(run.summary).toMatchObject({ complete: false, changed: 0, failed: 2 });
      for (const error of run.errors) expect(error).toMatchObject({ code: 'TAMPERED' });
      expect(await world.rows(memory)).toEqual(before);
      world.server.clearScript();
      await world.expectReadable(product, provider);
    },
  );

  it('of the right length is caught by the commitment', async () => {
    const provider = world.provider({ mekVersion: world.first });
    const { memory, stored } = await world.product(provider, 1);
    world.server.script(
      { on: 'unwrapKey', wrongDekLength: 32 },
      { on: 'unwrapKey', wrongDekLength: 32 },
    );
    const reader = world.encryptor(memory, provider);
    await world.expectNothingWritten(memory, 'TAMPERED', () =>
      reader.decryptDocument(note, stored[0] as never),
    );
  });
});

describe('a wrap that is none', () => {
  const wrongSize = (length: number): unknown => ({
    code: 'KEY_PROVIDER_FAILED',
    message: `The vault wrapped with akv/${MEK_NAME}/${world.first} but returned ${String(length)} bytes instead of 256: check any proxy in between`,
    retryable: false,
  });

  it.each(someOf([255, 0, 32, 257], 2))(
    '(of %i bytes) is refused before anything is written',
    async (length) => {
      const provider = world.provider({ mekVersion: world.first });
      const { memory, encryptor } = await world.product(provider, 1);
      const fault = length === 0 ? { emptyValue: true as const } : { wrongDekLength: length };
      world.fault(fault, 'wrapKey');
      expect(
        await world.failure(provider.wrapKey(world.dek(), { mekVersion: world.first })),
      ).toEqual({
        code: 'KEY_PROVIDER_FAILED',
        message: `The vault wrapped with akv/${MEK_NAME}/${world.first} but returned no wrap: check any proxy in between`,
        retryable: false,
      });
      await world.expectNothingWritten(memory, 'KEY_PROVIDER_FAILED', () =>
        encryptor.encryptDocument(note, FRESH),
      );
    },
  );

  it.each([384, 512])(
    '(of %i bytes, as another key would make) is refused before anything is written',
    async (length) => {
      const provider = world.provider({ mekVersion: world.first });
      const { memory, encryptor } = await world.product(provider, 1);
      world.fault({ wrongDekLength: length }, 'wrapKey');
      expect(
        await world.failure(provider.wrapKey(world.dek(), { mekVersion: world.first })),
      ).toEqual(wrongSize(length));
      await world.expectNothingWritten(memory, 'KEY_PROVIDER_FAILED', () =>
        encryptor.encryptDocument(note, FRESH),
      );
    },
  );

  it('for it has another size is refused also where the key cannot be read', async () => {
    const { get } = world.server.permissions;
    world.server.permissions.get = false;
    try {
      const provider = world.provider({ mekVersion: world.first });
      await provider.wrapKey(world.dek(), { mekVersion: world.first });
      world.server.script({ on: 'wrapKey', wrongDekLength: 384 });
      const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
      expect(await world.failure(wrapping)).toEqual(wrongSize(384));
    } finally {
      world.server.permissions.get = get;
    }
  });

  it('but has the right length replaces no row, for it does not unwrap', async () => {
    const provider = world.provider({ mekVersion: world.first });
    const product = await world.product(provider, 2);
    const { memory, encryptor } = product;
    const before = await world.rows(memory);
    let wraps = 0;
    world.fault({ wrongDekLength: 256 }, ({ operation }) => operation === 'wrapKey' && ++wraps > 1);
    const run = await world.rewrap(encryptor, { target: { mekVersion: second } });
    expect(run.summary).toMatchObject({ complete: false, changed: 0, failed: 2 });
    expect(await world.rows(memory)).toEqual(before);
    world.server.clearScript();
    await world.expectReadable(product, provider);
  });

  it('costs no request to refuse, where a row has it', async () => {
    const { provider, wrap } = await world.warm();
    const bytes = Buffer.from(wrap.wrappedDek, 'base64url');
    const texts = ['', 'AAAA', bytes.subarray(0, 255), bytes.subarray(1), `${wrap.wrappedDek}=`];
    for (const text of texts) {
      const wrappedDek = typeof text === 'string' ? text : text.toString('base64url');
      expect(await failure(provider.unwrapKey({ ...wrap, wrappedDek }))).toEqual({
        name: 'KeyProviderError',
        code: 'WRAP_REJECTED',
        message: `The MEK akv/${MEK_NAME}/${world.first} did not make this wrap, or the wrap was changed`,
      });
    }
    expect(world.server.count()).toBe(0);
  });
});

describe('a redirect', () => {
  it('is never followed: neither token nor DEK reach the other origin', async () => {
    const { provider, dek, wrap } = await world.warm();
    await using other = await KeyVaultServer.start({
      identityProvider: world.server.identityProvider,
    });
    world.fault({ redirectTo: other.url }, () => true);
    const redirected = {
      code: 'KEY_PROVIDER_FAILED',
      message: `wrapKey on ${world.address(world.first)} failed with status 307: see the cause`,
      retryable: false,
    };
    const wrapping = provider.wrapKey(dek, { mekVersion: world.first });
    expect(await world.failure(wrapping)).toEqual(redirected);
    expect(await world.failure(provider.unwrapKey(wrap))).toMatchObject({
      code: 'KEY_PROVIDER_FAILED',
    });
    const cold = world.provider();
    expect(await world.failure(cold.currentVersion())).toMatchObject({
      code: 'KEY_PROVIDER_FAILED',
    });
    expect(await world.failure(cold.unwrapKey(wrap))).toMatchObject({
      code: 'KEY_PROVIDER_FAILED',
    });
    expect(other.requests).toEqual([]);
    expect(world.server.unauthorizedBodies).toBe(0);
  });
});

/** Finds no host but one that is named in the error. */
function failingLookup(code: string): VaultClientOptions {
  const agent = new Agent({
    lookup: (hostname, _options, found) => {
      const error = Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code });
      found(error, '', 4);
    },
  });
  return {
    additionalPolicies: [
      {
        position: 'perRetry',
        policy: {
          name: 'failingLookup',
          sendRequest: (request, next) => {
            request.agent = agent;
            return next(request);
          },
        },
      },
    ],
  };
}

describe('a vault that cannot be reached', () => {
  const version = '0'.repeat(32);

  it('because its name is unknown is retried, and reported', async () => {
    const options = { vaultUrl: 'https://kv1.invalid', clientOptions: failingLookup('ENOTFOUND') };
    const provider = world.provider(options);
    expect(await failure(provider.wrapKey(Buffer.alloc(32), { mekVersion: version }))).toEqual({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_UNAVAILABLE',
      message: `get on https://kv1.invalid/keys/${MEK_NAME}/${version} did not find the host: check the address of the vault, and DNS`,
    });
    expect(world.clock.sleeps).toEqual([281.25, 562.5, 1_125, 2_250]);
  });

  it('because DNS does not answer is reported likewise', async () => {
    const options = { vaultUrl: 'https://kv1.invalid', clientOptions: failingLookup('EAI_AGAIN') };
    expect(await failure(world.provider(options).currentVersion())).toEqual({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_UNAVAILABLE',
      message: `get on https://kv1.invalid/keys/${MEK_NAME} lost or could not open the connection (EAI_AGAIN)`,
    });
    expect(world.clock.sleeps).toHaveLength(4);
  });

  it('because no server listens is reported, and a store is not changed', async () => {
    const gone = await VaultWorld.start();
    const provider = gone.provider();
    const { memory, encryptor, stored } = await gone.product(provider, 1);
    await gone.stop();
    const code = 'KEY_PROVIDER_UNAVAILABLE';
    await gone.expectNothingWritten(memory, code, () => encryptor.encryptDocument(note, FRESH));
    const reader = gone.encryptor(memory, provider);
    await gone.expectNothingWritten(memory, code, () =>
      reader.decryptDocument(note, stored[0] as never),
    );
    const dek = gone.dek();
    expect(await gone.failure(provider.wrapKey(dek, { mekVersion: gone.first }))).toEqual({
      code,
      message: `wrapKey on ${gone.address(gone.first)} lost or could not open the connection (ECONNREFUSED)`,
      retryable: true,
    });
  });

  it('because its certificate is not to be trusted is not tried again', async () => {
    const provider = akvProvider(world.server, { clock: world.clock, clientOptions: {} });
    expect(await failure(provider.currentVersion())).toEqual({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_FAILED',
      message: `get on ${world.address()} does not trust the server's certificate (DEPTH_ZERO_SELF_SIGNED_CERT): check the address of the vault, or any proxy in between`,
    });
    expect(world.clock.sleeps).toEqual([]);
    expect(world.server.count()).toBe(0);
  });
});
