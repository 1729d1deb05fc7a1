/** An identity provider on loopback, for the real credentials of `@azure/identity`. @module */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientSecretCredential, type ClientSecretCredentialOptions } from '@azure/identity';
import { CertificateServer } from './certificate-server.js';
import { IdentityEndpoints, TRUSTED_TENANT } from './identity-endpoints.js';
import type { Disturbance, IdentityRequest, Realm } from './identity-endpoints.js';
import { IdentityTokens, type TokenClaims } from './identity-tokens.js';

export interface IdentityProviderOptions {
  /** How long tokens are good for; 0 or less: they have expired when they are issued. @default 3 600 000 */
  readonly tokenLifetimeMs?: number;
  /** @default a free one */
  readonly port?: number;
}

export interface CredentialOptions extends ClientSecretCredentialOptions {
  /** @default the right one */
  readonly clientSecret?: string;
}

const HOUR_MS = 3_600_000;

/**
 * Issues signed tokens to one client. {@link credential} is for this process, {@link environment}
 * for one that has only its environment.
 */
export class IdentityProvider implements AsyncDisposable, Realm {
  readonly tenantId: string = randomUUID();
  readonly clientId: string = randomUUID();
  readonly clientSecret: string = `secret-of-${randomUUID()}`;
  /** Of the tokens issued from now on. */
  tokenLifetimeMs: number;
  /** What clients are sent, where it differs from the truth: as if a clock were wrong. */
  claimedLifetimeMs: number | undefined;
  readonly #tokens: IdentityTokens;
  readonly #endpoints: IdentityEndpoints;
  #server: CertificateServer | undefined;
  #directory: string | undefined;

  private constructor(tokens: IdentityTokens, tokenLifetimeMs: number) {
    this.tokenLifetimeMs = tokenLifetimeMs;
    this.#tokens = tokens;
    this.#endpoints = new IdentityEndpoints(this, tokens);
  }

  static async start(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
    const { tokenLifetimeMs = HOUR_MS, port } = options;
    const provider = new IdentityProvider(await IdentityTokens.withNewKey(), tokenLifetimeMs);
    provider.#server = await CertificateServer.listen(provider.#endpoints.app(), port);
    return provider;
  }

  get url(): string {
    return this.#running.url;
  }

  /** PEM of the certificate to trust. */
  get ca(): string {
    return this.#running.ca;
  }

  /** In the order of arrival. */
  get requests(): readonly IdentityRequest[] {
    return this.#endpoints.requests;
  }

  clearRequests(): void {
    this.#endpoints.requests.length = 0;
  }

  /** Tokens that were asked for, granted or not. */
  get tokenRequests(): number {
    return this.requests.filter(({ kind }) => kind === 'token').length;
  }

  /** A fresh one each call: it has cached no token. */
  credential(options: CredentialOptions = {}): ClientSecretCredential {
    const { clientSecret = this.clientSecret, ...others } = options;
    return new ClientSecretCredential(this.tenantId, this.clientId, clientSecret, {
      authorityHost: this.url,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: this.ca },
      ...others,
    });
  }

  /** Enough for `EnvironmentCredential` and `DefaultAzureCredential` in a process of its own. */
  environment(): Record<string, string> {
    return {
      AZURE_TENANT_ID: TRUSTED_TENANT,
      AZURE_CLIENT_ID: this.clientId,
      AZURE_CLIENT_SECRET: this.clientSecret,
      AZURE_AUTHORITY_HOST: this.url,
      NODE_EXTRA_CA_CERTS: this.#certificateFile(),
    };
  }

  /** The next token requests are answered with this status. Credentials retry 5xx by themselves. */
  failNext(status: number, times = 1): void {
    this.#disturb({ status }, times);
  }

  /** The next token requests are never answered. */
  hangNext(times = 1): void {
    this.#disturb({ hang: true }, times);
  }

  /** Every token issued so far is refused from now on. */
  revokeTokens(): void {
    this.#tokens.revokeAll();
  }

  /** Resolves to the claims of a token that is good for the resource now; rejects for any other. */
  verify(token: string, resource: string): Promise<TokenClaims> {
    return this.#tokens.verify(token, { resource, issuers: this.#endpoints.issuers });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #running(): CertificateServer {
    if (!this.#server) throw new Error('The identity provider has not started');
    return this.#server;
  }

  #disturb(disturbance: Disturbance, times: number): void {
    const added = Array.from({ length: times }, () => disturbance);
    this.#endpoints.disturbances = [...this.#endpoints.disturbances, ...added];
  }

  #certificateFile(): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'field-encrypt-'));
    const path = join(this.#directory, 'ca.pem');
    writeFileSync(path, this.ca);
    return path;
  }
}
