import { CryptographyClient } from '@azure/keyvault-keys';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KeyProviderError } from '../../../src/index.js';
import type { FaultAction } from '../../support/azure/key-vault/fault.js';
import { rejection } from '../../support/failure.js';
import { VaultWorld, type Warm } from './vault-world.js';

let world: VaultWorld;
let warm: Warm;
let token: string;

beforeAll(async () => {
  world = await VaultWorld.start();
  const credential = world.server.credential();
  token = (await credential.getToken('https://vault.azure.net/.default'))?.token ?? '';
  world.secrets.add(token);
  warm = await world.warm({ credential, maxAttempts: 1 });
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

/** All that a vault, or who stands between, could send back. */
const SECRETS: readonly (readonly [string, () => string])[] = [
  ['the DEK in base64', () => warm.dek.toString('base64')],
  ['the DEK in base64url', () => warm.dek.toString('base64url')],
  ['the DEK in hex, and its wrap', () => `${warm.dek.toString('hex')} ${warm.wrap.wrappedDek}`],
  ['the token', () => token],
  ['the client secret', () => world.server.identityProvider.clientSecret],
];

function hostileAnswers(secret: string): readonly FaultAction[] {
  const { url, tenantId } = world.server.identityProvider;
  const quoting = `You sent ${secret}, "${secret}" and <${secret}>.`;
  const html = { 'content-type': 'text/html' };
  return [
    ...[400, 401, 403, 404, 409, 418, 429, 500].map((status) => ({ status, message: quoting })),
    { status: 400, code: secret },
    { status: 403, innerCode: secret },
    { status: 403, code: secret, innerCode: `x${secret}`, message: secret },
    { body: `{"kid":"x","value":"${secret}"` },
    { body: `{"value":"${secret}"}` },
    { body: quoting, status: 200, headers: html },
    { body: quoting, status: 503, headers: html },
    { body: quoting, status: 400 },
    {
      body: quoting,
      status: 429,
      headers: { 'content-type': 'text/plain', 'retry-after': secret },
    },
    { wrongKid: `${world.server.url}/keys/${secret}/${secret}` },
    { challenge: `Bearer authorization="${url}/${tenantId}", resource="https://${secret}"` },
    { redirectTo: `https://localhost:1/?${secret}` },
    { truncateBody: true },
    { resetAfter: true },
  ];
}

describe('an answer that quotes a secret', () => {
  it.each(SECRETS)('(%s) does not get it into an error', async (_name, secretOf) => {
    const secret = secretOf();
    expect(world.secrets.findIn(secret)).not.toEqual([]);
    for (const answer of hostileAnswers(secret)) {
      for (const use of ['unwrapKey', 'get'] as const) {
        world.fault(answer, ({ authorized }) => authorized);
        const { provider, wrap } = warm;
        world.clock.advance(60_000);
        const work = use === 'get' ? provider.currentVersion() : provider.unwrapKey(wrap);
        const error = await rejection(work);
        expect(error, inspect(answer)).toBeInstanceOf(KeyProviderError);
        expect(world.secrets.findIn(error), inspect([answer, error])).toEqual([]);
        world.server.clearScript();
      }
    }
  });
});

describe('the search for secrets', () => {
  it('finds those that the SDK puts into its own errors', async () => {
    const { server, first } = world;
    const credential = world.secrets.watch(server.credential());
    const client = new CryptographyClient(world.address(first), credential, server.clientOptions());
    world.fault({ status: 418 }, 'wrapKey');
    const error = await rejection(client.wrapKey('RSA-OAEP-256', warm.dek));
    expect(world.secrets.findIn(error)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/body$/),
        expect.stringMatching(/headers.*value$/),
      ]),
    );
    world.server.clearScript();
    const garbled = `{"value":"${warm.dek.toString('base64url')}"`;
    world.fault({ body: garbled }, 'unwrapKey');
    const wrapped = Buffer.from(warm.wrap.wrappedDek, 'base64url');
    const other = await rejection(client.unwrapKey('RSA-OAEP-256', wrapped));
    expect(world.secrets.findIn(other)).toEqual(expect.arrayContaining(['error.message']));
  });

  it('finds bytes and texts, however deep and however hidden', () => {
    const hidden = new Error('x', { cause: new Map([['a', { deep: warm.dek }]]) });
    expect(world.secrets.findIn(hidden)).not.toEqual([]);
    const property = Object.defineProperty({}, 'x', { value: token, enumerable: false });
    expect(world.secrets.findIn(property)).toContain('error.x');
    expect(world.secrets.findIn({ [Symbol('s')]: [warm.dek.toString('hex')] })).not.toEqual([]);
    expect(world.secrets.findIn(new Error('nothing'))).toEqual([]);
  });
});

describe('a provider', () => {
  it('shows neither credential nor token nor key when it is printed', () => {
    const { provider } = warm;
    expect(world.secrets.findIn(provider)).toEqual([]);
    expect(JSON.parse(JSON.stringify(provider))).toEqual({
      id: 'akv',
      localCalls: [],
      mekName: 'notelett-mek',
      wrapAlgorithm: 'RSA-OAEP-256',
    });
  });
});
