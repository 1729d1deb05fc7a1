/** Tokens of the identity provider: signed, checked, revoked. @module */
import { randomUUID } from 'node:crypto';
import {
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';

export type TokenClaims = JWTPayload;

export interface TokenIssue {
  readonly issuer: string;
  readonly tenant: string;
  readonly resource: string;
  readonly clientId: string;
  readonly lifetimeMs: number;
}

export interface TokenExpectation {
  readonly resource: string;
  readonly issuers: readonly string[];
}

interface SigningKeys {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** The token is genuine and would still be good, had it not been revoked. */
export class RevokedToken extends Error {}

const ALGORITHM = 'ES256';

export class IdentityTokens {
  readonly #keys: SigningKeys;
  #valid = new Set<string>();
  readonly #proved = new Map<string, JWTPayload>();

  private constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  static async withNewKey(): Promise<IdentityTokens> {
    return new IdentityTokens(await generateKeyPair(ALGORITHM));
  }

  async issue({ issuer, tenant, resource, clientId, lifetimeMs }: TokenIssue): Promise<string> {
    const jti = randomUUID();
    this.#valid.add(jti);
    const issuedAt = Math.floor(Date.now() / 1000);
    return new SignJWT({ appid: clientId, tid: tenant, ver: '1.0' })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(resource)
      .setSubject(clientId)
      .setJti(jti)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt - 300)
      .setExpirationTime(issuedAt + Math.floor(lifetimeMs / 1000))
      .sign(this.#keys.privateKey);
  }

  revokeAll(): void {
    this.#valid = new Set();
  }

  async verify(token: string, expected: TokenExpectation): Promise<TokenClaims> {
    const payload = await this.#claimsOf(token, expected);
    if (!this.#valid.has(payload.jti ?? '')) throw new RevokedToken('The token was revoked');
    return payload;
  }

  /** Every request has a token, and to check its signature takes longer than most answers. */
  async #claimsOf(token: string, { resource, issuers }: TokenExpectation): Promise<JWTPayload> {
    const name = JSON.stringify([token, resource, issuers]);
    const proved = this.#proved.get(name);
    if (proved?.exp !== undefined && proved.exp > Date.now() / 1_000) return proved;
    const { payload } = await jwtVerify(token, this.#keys.publicKey, {
      issuer: [...issuers],
      audience: resource,
      requiredClaims: ['exp', 'jti'],
    });
    this.#proved.set(name, payload);
    return payload;
  }

  publicJwk(): Promise<JWK> {
    return exportJWK(this.#keys.publicKey);
  }
}
