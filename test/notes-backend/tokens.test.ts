/** Needs the built package. */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  IdentityProviderUnavailable,
  Tokens,
  TokenRefused,
  type HmacKey,
  type TokenSettings,
} from '../../examples/notes-backend/src/lib/tokens.js';

const [current, previous] = ['2026-11', '2026-10'].map((kid): HmacKey => ({
  kid,
  secret: randomBytes(32),
})) as [HmacKey, HmacKey];
const NAMES = { issuer: 'notes-backend', audience: 'notes-backend' };
const CALLER = { id: 'ada', workspaces: ['w1'], roles: ['operator'] };

function settings(more: Partial<TokenSettings> = {}): TokenSettings {
  return { ...NAMES, current, previous, jwksUrl: undefined, refusedKids: [], ...more };
}

/** A signed token with a header and claims that no honest issuer would make. */
function forged(
  header: object,
  claims: object,
  secret: Uint8Array | string = current.secret,
): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const now = (): number => Math.floor(Date.now() / 1_000);
const claims = (more: object = {}) => ({
  iss: NAMES.issuer,
  aud: NAMES.audience,
  sub: 'ada',
  workspaces: ['w1'],
  exp: now() + 600,
  ...more,
});
const HEADER = { alg: 'HS256', kid: current.kid, typ: 'JWT' };

async function reasonOf(tokens: Tokens, token: string): Promise<string> {
  const error: unknown = await tokens.verify(token).catch((failure: unknown) => failure);
  return error instanceof TokenRefused ? error.reason : JSON.stringify(error);
}

describe('HMAC keys', () => {
  it('current and previous verify, and current signs', async () => {
    const tokens = new Tokens(settings());
    const token = await tokens.sign(CALLER, 60);
    expect(JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString())).toEqual(
      HEADER,
    );
    expect(await tokens.verify(token)).toEqual(CALLER);
    const old = await new Tokens(settings({ current: previous, previous: undefined })).sign(
      CALLER,
      60,
    );
    expect(await tokens.verify(old)).toEqual(CALLER);
  });

  it('verify nothing under an unknown kid, none, or one that is no text', async () => {
    const tokens = new Tokens(settings());
    for (const [kid, reason] of [
      ['2026-09', 'unknown kid'],
      [undefined, 'no kid'],
      ['', 'no kid'],
      [7, 'no kid'],
      [['2026-11'], 'no kid'],
      ['__proto__', 'unknown kid'],
    ] as const) {
      expect(await reasonOf(tokens, forged({ ...HEADER, kid }, claims()))).toBe(reason);
    }
  });

  it('are bound to their kid', async () => {
    const tokens = new Tokens(settings());
    const crossed = forged({ ...HEADER, kid: previous.kid }, claims());
    expect(await reasonOf(tokens, crossed)).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
  });

  it.each(['none', 'HS384', 'HS512', 'RS256', 'hs256', '', 7, null])(
    'refuse the algorithm %j',
    async (alg) => {
      const reason = await reasonOf(new Tokens(settings()), forged({ ...HEADER, alg }, claims()));
      expect(reason).toMatch(/^ERR_J(OSE_ALG_NOT_ALLOWED|WS_INVALID)$/);
    },
  );

  it.each([
    ['another issuer', { iss: 'other' }],
    ['another audience', { aud: 'other' }],
    ['no expiry', { exp: undefined }],
    ['the past', { exp: now() - 60 }],
    ['the future', { nbf: now() + 600 }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['no workspaces', { workspaces: undefined }],
    ['a workspace that is no name', { workspaces: ['a/b'] }],
    ['workspaces as text', { workspaces: 'w1' }],
    ['roles that are no texts', { roles: [1] }],
  ])('refuse a token with %s', async (_, more) => {
    const token = forged(HEADER, claims(more));
    expect(await reasonOf(new Tokens(settings()), token)).toMatch(/^claims$|^ERR_JWT_/);
  });

  it.each([
    '',
    '.',
    '..',
    'a.b.c',
    'bm9uZQ.e30.',
    `${'x'.repeat(10_000)}.y.z`,
    'null',
    'a.b.c.d.e',
  ])('refuse %j', async (token) => {
    expect(await reasonOf(new Tokens(settings()), token)).toMatch(/^(malformed|no kid)$/);
  });

  it('refuse a token whose unknown extension is critical', async () => {
    const token = forged({ ...HEADER, crit: ['x'], x: 1 }, claims());
    expect(await reasonOf(new Tokens(settings()), token)).toMatch(/^ERR_JO/);
  });
});

describe('the emergency switch', () => {
  it('drops a key at once', async () => {
    const tokens = new Tokens(settings());
    const old = await new Tokens(settings({ current: previous })).sign(CALLER, 60);
    expect(await tokens.verify(old)).toEqual(CALLER);
    tokens.replaceSettings(settings({ refusedKids: [previous.kid] }));
    expect(await reasonOf(tokens, old)).toBe('kid is refused');
    expect(await tokens.verify(await tokens.sign(CALLER, 60))).toEqual(CALLER);
  });
});

describe('an identity provider', () => {
  let server: Server;
  let url: URL;
  let answer: { status: number; body: string };
  let fetched = 0;
  const pairs: Record<string, { privateKey: CryptoKey; publicKey: CryptoKey; jwk: JWK }> = {};

  const publish = (...kids: readonly string[]): void => {
    const keys = kids.map((kid) => pairs[kid]?.jwk);
    answer = { status: 200, body: JSON.stringify({ keys }) };
  };
  const signed = (kid: string, alg: string): Promise<string> => {
    const key = pairs[kid]?.privateKey;
    if (!key) throw new Error('There is no such key');
    return new SignJWT(claims()).setProtectedHeader({ alg, kid }).sign(key);
  };

  beforeAll(async () => {
    for (const [kid, alg] of [
      ['rsa', 'RS256'],
      ['ec', 'ES256'],
      ['next', 'ES256'],
      ['ed', 'EdDSA'],
    ] as const) {
      const pair = await generateKeyPair(alg, { extractable: true });
      pairs[kid] = { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
    }
    server = createServer((_request, response) => {
      fetched += 1;
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/jwks`);
  });
  afterAll(() => {
    server.close();
  });

  it('signs under several keys at once, beside the HMAC keys', async () => {
    publish('rsa', 'ec', 'ed');
    const tokens = new Tokens(settings({ jwksUrl: url }));
    fetched = 0;
    for (const [kid, alg] of [
      ['rsa', 'RS256'],
      ['rsa', 'RS256'],
      ['ec', 'ES256'],
      ['ed', 'EdDSA'],
    ] as const) {
      expect(await tokens.verify(await signed(kid, alg))).toMatchObject({ id: 'ada' });
    }
    expect(fetched).toBe(1);
    expect(await tokens.verify(await tokens.sign(CALLER, 60))).toEqual(CALLER);
    expect(await reasonOf(tokens, await signed('next', 'ES256'))).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  it('has no public key that verifies as an HMAC secret', async () => {
    publish('rsa', 'ec');
    const tokens = new Tokens(settings({ jwksUrl: url }));
    const pem = await exportSPKI(pairs['rsa']?.publicKey as CryptoKey);
    for (const secret of [
      pem,
      pem.trim(),
      String(pairs['rsa']?.jwk.n),
      JSON.stringify(pairs['rsa']?.jwk),
    ]) {
      const token = forged({ ...HEADER, kid: 'rsa' }, claims(), secret);
      expect(await reasonOf(tokens, token)).toBe('ERR_JOSE_ALG_NOT_ALLOWED');
    }
    // Nor does a key under the kid of an HMAC key.
    const key = pairs['rsa']?.privateKey as CryptoKey;
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'RS256', kid: current.kid })
      .sign(key);
    expect(await reasonOf(tokens, token)).toBe('ERR_JOSE_ALG_NOT_ALLOWED');
  });

  it('that publishes a secret has not made it a key', async () => {
    const secret = randomBytes(32);
    const keys = [{ kty: 'oct', kid: 'oct', alg: 'HS256', k: secret.toString('base64url') }];
    answer = { status: 200, body: JSON.stringify({ keys }) };
    const tokens = new Tokens(settings({ jwksUrl: url }));
    const token = forged({ ...HEADER, kid: 'oct' }, claims(), secret);
    expect(await reasonOf(tokens, token)).toBe('ERR_JOSE_ALG_NOT_ALLOWED');
  });

  it('drops a key at once when the settings are read again, or when its kid is refused', async () => {
    publish('rsa', 'ec');
    const tokens = new Tokens(settings({ jwksUrl: url }));
    const token = await signed('rsa', 'RS256');
    expect(await tokens.verify(token)).toMatchObject({ id: 'ada' });
    tokens.replaceSettings(settings({ jwksUrl: url, refusedKids: ['rsa'] }));
    expect(await reasonOf(tokens, token)).toBe('kid is refused');
    publish('ec');
    tokens.replaceSettings(settings({ jwksUrl: url }));
    expect(await reasonOf(tokens, token)).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  it.each([
    [{ status: 500, body: '' }],
    [{ status: 302, body: '' }],
    [{ status: 200, body: 'no JSON' }],
    [{ status: 200, body: '{}' }],
  ])('that answers %j is an outage, and not a wrong token', async (given) => {
    const tokens = new Tokens(settings({ jwksUrl: url }));
    answer = given;
    const failure = tokens.verify(await signed('rsa', 'RS256'));
    await expect(failure).rejects.toBeInstanceOf(IdentityProviderUnavailable);
    expect(await tokens.verify(await tokens.sign(CALLER, 60))).toEqual(CALLER);
  });

  it('that cannot be reached is an outage', async () => {
    const nowhere = new Tokens(settings({ jwksUrl: new URL('http://127.0.0.1:1/jwks') }));
    const failure = nowhere.verify(await signed('rsa', 'RS256'));
    await expect(failure).rejects.toBeInstanceOf(IdentityProviderUnavailable);
  });
});
