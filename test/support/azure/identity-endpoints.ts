/** What the identity provider answers, and its record of what it was asked. @module */
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import type { IdentityTokens } from './identity-tokens.js';

export interface IdentityRequest {
  readonly kind: 'discovery' | 'token' | 'keys';
  readonly tenant: string;
  /** The resource that a token was asked for. */
  readonly resource?: string;
  /** Whether the client passed on claims of a challenge. */
  readonly hasClaims: boolean;
  /** Absent while the request hangs. */
  readonly status?: number;
}

/** Who is known here, and on what terms; read anew for every request. */
export interface Realm {
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenLifetimeMs: number;
  readonly claimedLifetimeMs: number | undefined;
}

/** What happens to a token request instead of an answer. */
export type Disturbance = { readonly status: number } | { readonly hang: true };

type App = Hono<{ Bindings: HttpBindings }>;
type Call = Context<{ Bindings: HttpBindings }>;
type Recorded = { -readonly [K in keyof IdentityRequest]: IdentityRequest[K] };

/** The tenant id under which MSAL trusts any authority without asking Microsoft's own servers. */
export const TRUSTED_TENANT = 'adfs';

export class IdentityEndpoints {
  readonly requests: Recorded[] = [];
  disturbances: readonly Disturbance[] = [];
  readonly #realm: Realm;
  readonly #tokens: IdentityTokens;

  constructor(realm: Realm, tokens: IdentityTokens) {
    this.#realm = realm;
    this.#tokens = tokens;
  }

  app(): App {
    const app: App = new Hono();
    for (const version of ['', '/v2.0']) {
      app.get(`/:tenant${version}/.well-known/openid-configuration`, (c) => this.#discover(c));
      app.post(`/:tenant/oauth2${version}/token`, (c) => this.#grant(c));
    }
    app.get('/:tenant/discovery/keys', (c) => this.#publishKeys(c));
    return app;
  }

  get issuers(): readonly string[] {
    return [this.#issuer(this.#realm.tenantId), this.#issuer(TRUSTED_TENANT)];
  }

  #issuer(tenant: string): string {
    return `${this.#realm.url}/${tenant}${versionFor(tenant)}`;
  }

  #record(kind: IdentityRequest['kind'], c: Call): Recorded {
    const recorded: Recorded = { kind, tenant: c.req.param('tenant') ?? '', hasClaims: false };
    this.requests.push(recorded);
    return recorded;
  }

  #discover(c: Call): Response {
    const recorded = this.#record('discovery', c);
    const { tenant } = recorded;
    recorded.status = 200;
    const base = `${this.#realm.url}/${tenant}`;
    return c.json({
      issuer: this.#issuer(tenant),
      authorization_endpoint: `${base}/oauth2${versionFor(tenant)}/authorize`,
      token_endpoint: `${base}/oauth2${versionFor(tenant)}/token`,
      jwks_uri: `${base}/discovery/keys`,
    });
  }

  async #publishKeys(c: Call): Promise<Response> {
    this.#record('keys', c).status = 200;
    return c.json({ keys: [await this.#tokens.publicJwk()] });
  }

  async #grant(c: Call): Promise<Response> {
    const recorded = this.#record('token', c);
    const asked = new URLSearchParams(await c.req.text());
    const [scope = ''] = (asked.get('scope') ?? '').split(' ');
    recorded.resource = scope.replace(/\/\.default$/, '');
    recorded.hasClaims = hasChallengeClaims(asked.get('claims') ?? '{}');
    const answer = await (this.#disturbed() ?? this.#decide(recorded, asked));
    recorded.status = answer.status;
    return answer;
  }

  #disturbed(): Response | Promise<Response> | undefined {
    const [disturbance, ...rest] = this.disturbances;
    this.disturbances = rest;
    if (!disturbance) return undefined;
    if ('hang' in disturbance) return new Promise(() => undefined);
    return refusal(disturbance.status, 'temporarily_unavailable', 'No tokens for the moment.');
  }

  #decide(
    { tenant, resource = '' }: IdentityRequest,
    asked: URLSearchParams,
  ): Response | Promise<Response> {
    const { tenantId, clientId, clientSecret } = this.#realm;
    if (![tenantId, TRUSTED_TENANT].includes(tenant)) {
      return refusal(400, 'invalid_request', 'AADSTS90002: There is no such tenant.');
    }
    if (asked.get('client_id') !== clientId) {
      return refusal(400, 'unauthorized_client', 'AADSTS700016: The tenant has no such client.');
    }
    if (asked.get('client_secret') !== clientSecret) {
      return refusal(
        401,
        'invalid_client',
        'AADSTS7000215: The client secret is not the right one.',
      );
    }
    if (resource === '') return refusal(400, 'invalid_scope', 'AADSTS70011: The scope is missing.');
    return this.#issue(tenant, resource);
  }

  async #issue(tenant: string, resource: string): Promise<Response> {
    const { clientId, tokenLifetimeMs: lifetimeMs, claimedLifetimeMs } = this.#realm;
    const issuer = this.#issuer(tenant);
    const token = await this.#tokens.issue({ issuer, tenant, resource, clientId, lifetimeMs });
    const expires_in = Math.floor((claimedLifetimeMs ?? lifetimeMs) / 1000);
    return Response.json({ token_type: 'Bearer', expires_in, access_token: token });
  }
}

/** Besides those by which a client says what it is capable of. */
function hasChallengeClaims(claims: string): boolean {
  const { access_token: wanted = {} } = JSON.parse(claims) as { readonly access_token?: object };
  return Object.keys(wanted).some((name) => name !== 'xms_cc');
}

function versionFor(tenant: string): string {
  return tenant === TRUSTED_TENANT ? '' : '/v2.0';
}

function refusal(status: number, error: string, error_description: string): Response {
  const error_codes = /^AADSTS(\d+)/.exec(error_description)?.slice(1).map(Number) ?? [];
  return Response.json({ error, error_description, error_codes }, { status });
}
