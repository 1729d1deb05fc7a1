/** Verifies the tokens of callers, under two keys at once, so that a key can be exchanged. @module */
import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  SignJWT,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { z } from 'zod';
import { NAME } from './names.js';

export interface HmacKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

export interface TokenSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Signs and verifies. */
  readonly current: HmacKey | undefined;
  /** Only verifies. */
  readonly previous: HmacKey | undefined;
  readonly jwksUrl: URL | undefined;
  /** The emergency switch: nothing under these is accepted, neither HMAC nor public keys. */
  readonly refusedKids: readonly string[];
}

/** Who sent a request. */
export interface Caller {
  readonly id: string;
  readonly workspaces: readonly string[];
  readonly roles: readonly string[];
}

/** The token is not accepted; `reason` is for the log, and the caller does not see it. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly reason: string;

  constructor(reason: string) {
    super('The token is not accepted');
    this.reason = reason;
  }
}

/** The identity provider does not answer, so nothing is known about the token. */
export class IdentityProviderUnavailable extends Error {
  override readonly name = 'IdentityProviderUnavailable';
}

const HMAC = 'HS256';
/** No HMAC: a public key must never verify as a secret. */
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

const claims = z.object({
  sub: z.string().min(1).max(256),
  workspaces: z.array(z.string().regex(NAME)).max(1_000),
  roles: z.array(z.string().max(64)).max(64).default([]),
});

export class Tokens {
  #settings: TokenSettings;
  #publicKeys: JWTVerifyGetKey | undefined;

  constructor(settings: TokenSettings) {
    this.#settings = settings;
    this.#publicKeys = publicKeysOf(settings);
  }

  /** Takes effect with the next token; public keys are fetched again. */
  replaceSettings(settings: TokenSettings): void {
    this.#publicKeys = publicKeysOf(settings);
    this.#settings = settings;
  }

  /** @throws TokenRefused; IdentityProviderUnavailable. */
  async verify(token: string): Promise<Caller> {
    const payload = await this.#payloadOf(token);
    const own = claims.safeParse(payload);
    if (!own.success) throw new TokenRefused('claims');
    const { sub: id, workspaces, roles } = own.data;
    return { id, workspaces, roles };
  }

  /** @throws TokenRefused where there is no key that signs. */
  async sign(caller: Caller, lifetimeSeconds: number): Promise<string> {
    const { current, issuer, audience } = this.#settings;
    if (!current) throw new TokenRefused('JWT_CURRENT_KID is not set');
    const { id, workspaces, roles } = caller;
    return new SignJWT({ workspaces, roles })
      .setProtectedHeader({ alg: HMAC, kid: current.kid, typ: 'JWT' })
      .setSubject(id)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${String(lifetimeSeconds)} seconds`)
      .sign(current.secret);
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    const { current, previous, refusedKids, issuer, audience } = this.#settings;
    const kid = kidOf(token);
    if (refusedKids.includes(kid)) throw new TokenRefused('kid is refused');
    const required = { issuer, audience, requiredClaims: ['exp', 'sub'], clockTolerance: 5 };
    // The key that `kid` names decides which algorithms are possible, and never the token.
    const hmac = [current, previous].find((key) => key?.kid === kid);
    const publicKeys = this.#publicKeys;
    try {
      if (hmac) {
        return (await jwtVerify(token, hmac.secret, { ...required, algorithms: [HMAC] })).payload;
      }
      if (!publicKeys) throw new TokenRefused('unknown kid');
      return (await jwtVerify(token, publicKeys, { ...required, algorithms: ASYMMETRIC })).payload;
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

/** @throws TokenRefused for what is no signed token, or names no key. */
function kidOf(token: string): string {
  try {
    const { kid } = decodeProtectedHeader(token);
    if (typeof kid === 'string' && kid !== '') return kid;
  } catch {
    throw new TokenRefused('malformed');
  }
  throw new TokenRefused('no kid');
}

function publicKeysOf({ jwksUrl }: TokenSettings): JWTVerifyGetKey | undefined {
  return jwksUrl && createRemoteJWKSet(jwksUrl, { [customFetch]: fetchKeys });
}

/** jose passes the errors of `fetch` on, which look like those about a token. */
function fetchKeys(...request: Parameters<typeof fetch>): Promise<Response> {
  return fetch(...request).catch((error: unknown) => {
    throw unavailable(error);
  });
}

function refusalOf(error: unknown): unknown {
  if (error instanceof IdentityProviderUnavailable || error instanceof TokenRefused) return error;
  // Both are about the keys, and not about the token; so is the base class.
  const code = error instanceof errors.JOSEError ? error.code : 'unusable key';
  const isAboutKeys = ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(code);
  return isAboutKeys ? unavailable(error) : new TokenRefused(code);
}

function unavailable(cause: unknown): IdentityProviderUnavailable {
  return new IdentityProviderUnavailable('The identity provider does not answer', { cause });
}
