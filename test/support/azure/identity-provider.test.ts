import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { ClientSecretCredential } from '@azure/identity';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentityProvider } from './identity-provider.js';
import { IdentityTokens } from './identity-tokens.js';
import { rejection } from '../failure.js';

const RESOURCE = 'https://vault.azure.net';
const SCOPE = `${RESOURCE}/.default`;
const PRINT_TOKEN = join(import.meta.dirname, 'print-token.mjs');

let provider: IdentityProvider;

beforeEach(async () => {
  provider = await IdentityProvider.start();
});

afterEach(() => provider.stop());

async function newToken(): Promise<string> {
  return (await provider.credential().getToken(SCOPE)).token;
}

const IMPATIENT = { retryOptions: { maxRetries: 0 } };

/** What MSAL makes of an answer: its code, and the number of the service's own. */
async function refusalOf(credential: ClientSecretCredential): Promise<string> {
  return String(await rejection(credential.getToken(SCOPE)));
}

describe('a client secret credential', () => {
  it('gets a token for the resource that it asks for', async () => {
    const token = await newToken();
    expect(await provider.verify(token, RESOURCE)).toMatchObject({
      aud: RESOURCE,
      iss: `${provider.url}/${provider.tenantId}/v2.0`,
      appid: provider.clientId,
      tid: provider.tenantId,
    });
    expect(provider.requests).toEqual([
      { kind: 'discovery', tenant: provider.tenantId, hasClaims: false, status: 200 },
      {
        kind: 'token',
        tenant: provider.tenantId,
        resource: RESOURCE,
        hasClaims: false,
        status: 200,
      },
    ]);
  });

  it('keeps its token, and another credential gets another', async () => {
    const credential = provider.credential();
    const { token } = await credential.getToken(SCOPE);
    expect((await credential.getToken(SCOPE)).token).toBe(token);
    expect(provider.tokenRequests).toBe(1);
    expect(await newToken()).not.toBe(token);
    expect(provider.tokenRequests).toBe(2);
  });

  it('gets an error for a wrong secret', async () => {
    expect(await refusalOf(provider.credential({ clientSecret: 'another-secret' }))).toContain(
      '7000215',
    );
    expect(provider.requests.at(-1)).toMatchObject({ kind: 'token', status: 401 });
  });

  it('gets an error for an unknown client or tenant', async () => {
    const { tenantId, clientSecret, url: authorityHost, ca } = provider;
    const options = { authorityHost, disableInstanceDiscovery: true, tlsOptions: { ca } };
    const stranger = new ClientSecretCredential(tenantId, 'stranger', clientSecret, options);
    expect(await refusalOf(stranger)).toContain('700016');
    const elsewhere = new ClientSecretCredential(
      '00000000-0000-0000-0000-000000000000',
      provider.clientId,
      clientSecret,
      options,
    );
    expect(await refusalOf(elsewhere)).toContain('90002');
  });

  it('asks for nothing where it does not trust the certificate', async () => {
    const distrustful = provider.credential({ ...IMPATIENT, tlsOptions: {} });
    expect(await refusalOf(distrustful)).toContain('endpoints_resolution_error');
    expect(provider.requests).toEqual([]);
  });

  it('fails as often as the provider is set to fail, and then gets its token', async () => {
    provider.failNext(400, 2);
    await refusalOf(provider.credential());
    await refusalOf(provider.credential());
    await provider.verify(await newToken(), RESOURCE);
    expect(provider.requests.map(({ status }) => status)).toEqual([200, 400, 200, 400, 200, 200]);
  });

  it('waits for an answer that does not come, until the provider stops', async () => {
    provider.hangNext();
    let isOver = false;
    const asked = rejection(provider.credential(IMPATIENT).getToken(SCOPE)).finally(
      () => (isOver = true),
    );
    while (provider.tokenRequests === 0) await new Promise(setImmediate);
    await newToken();
    expect(isOver).toBe(false);
    expect(provider.requests.find(({ kind }) => kind === 'token')).not.toHaveProperty('status');
    await provider.stop();
    expect(String(await asked)).toContain('network_error');
  });
});

describe('a token', () => {
  it('is refused for another resource', async () => {
    const token = await newToken();
    expect(await rejection(provider.verify(token, 'https://cosmos.azure.com'))).toHaveProperty(
      'claim',
      'aud',
    );
  });

  it('is refused if another provider issued it', async () => {
    await using other = await IdentityProvider.start();
    const { token } = await other.credential().getToken(SCOPE);
    expect(await rejection(provider.verify(token, RESOURCE))).toHaveProperty(
      'code',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    );
  });

  it('is refused if it names another issuer', async () => {
    const tokens = await IdentityTokens.withNewKey();
    const issuer = 'https://one.example/tenant';
    const claims = { tenant: 'tenant', resource: RESOURCE, clientId: 'client' };
    const token = await tokens.issue({ ...claims, issuer, lifetimeMs: 60_000 });
    await tokens.verify(token, { resource: RESOURCE, issuers: [issuer] });
    const elsewhere = { resource: RESOURCE, issuers: ['https://two.example/tenant'] };
    expect(await rejection(tokens.verify(token, elsewhere))).toHaveProperty('claim', 'iss');
  });

  it('is refused once it was revoked, and those issued later are not', async () => {
    const token = await newToken();
    provider.revokeTokens();
    expect(await rejection(provider.verify(token, RESOURCE))).toHaveProperty(
      'message',
      'The token was revoked',
    );
    await provider.verify(await newToken(), RESOURCE);
  });

  it('lasts an hour unless told otherwise', async () => {
    const { exp = 0, iat = 0 } = decodeJwt(await newToken());
    expect(exp - iat).toBe(3600);
    provider.tokenLifetimeMs = 600_000;
    const short = decodeJwt(await newToken());
    expect((short.exp ?? 0) - (short.iat ?? 0)).toBe(600);
  });

  it('can be issued when it has expired already, whatever the client is sent', async () => {
    provider.tokenLifetimeMs = -10_000;
    provider.claimedLifetimeMs = 3_600_000;
    const credential = provider.credential();
    const { token, expiresOnTimestamp } = await credential.getToken(SCOPE);
    expect(expiresOnTimestamp).toBeGreaterThan(Date.now());
    expect(await rejection(provider.verify(token, RESOURCE))).toHaveProperty('claim', 'exp');
  });

  it('is asked for anew each time if the client knows that it expires at once', async () => {
    provider.tokenLifetimeMs = 1000;
    const credential = provider.credential();
    await credential.getToken(SCOPE);
    await credential.getToken(SCOPE);
    expect(provider.tokenRequests).toBe(2);
  });

  it('can be checked by everybody against the published keys', async () => {
    const { tenantId, url } = provider;
    const discovery = `${url}/${tenantId}/v2.0/.well-known/openid-configuration`;
    const { issuer, jwks_uri } = await getJson<{ issuer: string; jwks_uri: string }>(discovery);
    const keys = createLocalJWKSet(await getJson<JSONWebKeySet>(jwks_uri));
    const { payload } = await jwtVerify(await newToken(), keys, { issuer, audience: RESOURCE });
    expect(payload['appid']).toBe(provider.clientId);
  });
});

describe('a process that has only its environment', () => {
  it.each(['DefaultAzureCredential', 'EnvironmentCredential'])(
    'gets a token by %s',
    async (name) => {
      const token = await run(PRINT_TOKEN, name, provider.environment());
      expect(await provider.verify(token, RESOURCE)).toMatchObject({
        tid: 'adfs',
        iss: `${provider.url}/adfs`,
      });
      expect(provider.requests.map(({ kind, tenant }) => `${kind} ${tenant}`)).toEqual([
        'discovery adfs',
        'token adfs',
      ]);
    },
  );

  it('leaves no certificate behind when the provider stops', async () => {
    const { NODE_EXTRA_CA_CERTS: path = '' } = provider.environment();
    expect(existsSync(path)).toBe(true);
    await provider.stop();
    expect(existsSync(path)).toBe(false);
  });
});

async function run(script: string, argument: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, argument], { env });
  return stdout.trim();
}

async function getJson<T>(url: string): Promise<T> {
  const [response] = (await once(get(url, { ca: provider.ca }), 'response')) as [IncomingMessage];
  return (await json(response)) as T;
}
