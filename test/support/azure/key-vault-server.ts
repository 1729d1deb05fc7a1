/** A Key Vault on loopback, for the real `@azure/keyvault-keys`. @module */
import type { TokenCredential } from '@azure/identity';
import type { KeyClientOptions } from '@azure/keyvault-keys';
import { systemClock, type Clock } from '../../../src/index.js';
import { CertificateServer } from './certificate-server.js';
import { IdentityProvider } from './identity-provider.js';
import { USUAL_BEHAVIOUR, type Behaviour } from './key-vault/behaviour.js';
import { exchange, type ExchangeWorld } from './key-vault/exchange.js';
import type { Fault } from './key-vault/fault.js';
import { FaultScript, type ScriptedFault } from './key-vault/fault-script.js';
import type { VersionOptions } from './key-vault/key-versions.js';
import { ALL_PERMISSIONS, type Operation, type Permissions } from './key-vault/operation.js';
import { Quota, type QuotaOptions } from './key-vault/quota.js';
import { RequestLog, type RequestMatcher, type VaultRequest } from './key-vault/request-log.js';
import { vaultApp } from './key-vault/routes.js';
import { newestOf, Vault, type CreateKeyOptions } from './key-vault/vault.js';

export interface KeyVaultServerOptions {
  /** Whose tokens count; stays the caller's to stop. @default one of its own */
  readonly identityProvider?: IdentityProvider;
  /** For expiry, quota and recovery; not for tokens, whose clients have no other clock than the machine's. */
  readonly clock?: Clock;
  /** What differs from a caller who may do everything. */
  readonly permissions?: Partial<Permissions>;
  readonly behaviour?: Partial<Behaviour>;
  readonly quota?: QuotaOptions;
  /** @default a free one */
  readonly port?: number;
}

/**
 * Keys are real, tokens are checked, and {@link script} makes it go wrong. Every running server has
 * keys of its own, and so has every version of a key.
 */
export class KeyVaultServer implements AsyncDisposable {
  readonly identityProvider: IdentityProvider;
  /** May be changed at any time. */
  readonly permissions: Permissions;
  /** May be changed at any time. */
  readonly behaviour: Behaviour;
  readonly #clock: Clock;
  readonly #vault: Vault;
  readonly #ownsProvider: boolean;
  readonly #script = new FaultScript();
  readonly #log = new RequestLog();
  #quota: Quota | undefined;
  #server: CertificateServer | undefined;

  private constructor(options: KeyVaultServerOptions, identityProvider: IdentityProvider) {
    this.identityProvider = identityProvider;
    this.permissions = { ...ALL_PERMISSIONS, ...options.permissions };
    this.behaviour = { ...USUAL_BEHAVIOUR, ...options.behaviour };
    this.#clock = options.clock ?? systemClock;
    this.#vault = new Vault(this.#clock, this.behaviour);
    this.#ownsProvider = options.identityProvider === undefined;
    this.limit(options.quota);
  }

  static async start(options: KeyVaultServerOptions = {}): Promise<KeyVaultServer> {
    const provider = options.identityProvider ?? (await IdentityProvider.start());
    const server = new KeyVaultServer(options, provider);
    const app = vaultApp((operation, c) => exchange(server.#world(), operation, c));
    server.#server = await CertificateServer.listen(app, options.port);
    return server;
  }

  /** The vault's URL; its host is not that of the challenge: see {@link clientOptions}. */
  get url(): string {
    return this.#running.url;
  }

  /** The vault's URL as Azure has them, for clients with the policy of `vaultHostPolicy`. */
  get vaultHostUrl(): string {
    return `https://kv1.vault.azure.net:${String(this.#running.port)}`;
  }

  /** PEM of the certificate to trust. */
  get ca(): string {
    return this.#running.ca;
  }

  /** A fresh one each call: it has cached no token. */
  credential(): TokenCredential {
    return this.identityProvider.credential();
  }

  /** Fresh each call, for clients change it. */
  clientOptions(): KeyClientOptions {
    return { tlsOptions: { ca: this.ca }, disableChallengeResourceVerification: true };
  }

  /** Enough for a process of its own, which then verifies the challenge's resource as well. */
  environment(): Record<string, string> {
    const preload = `--import=${new URL('key-vault/loopback-lookup.mjs', import.meta.url).href}`;
    return {
      ...this.identityProvider.environment(),
      AZURE_KEYVAULT_URL: this.vaultHostUrl,
      NODE_OPTIONS: [process.env['NODE_OPTIONS'], preload].filter(Boolean).join(' '),
    };
  }

  /** In the order of arrival. */
  get requests(): readonly VaultRequest[] {
    return this.#log.all;
  }

  clearRequests(): void {
    this.#log.clear();
  }

  /** Requests of one operation or of all, those without a token included. */
  count(operation?: Operation): number {
    return this.requests.filter((each) => operation === undefined || each.operation === operation)
      .length;
  }

  /** Requests without a token. */
  get challenges(): number {
    return this.requests.filter(({ authorized }) => !authorized).length;
  }

  /** Requests without a token that carried a body anyway: perhaps a plaintext DEK. */
  get unauthorizedBodies(): number {
    return this.requests.filter(({ authorized, hasBody }) => !authorized && hasBody).length;
  }

  /** Most requests that were under way at once. */
  get mostInFlight(): number {
    return this.#log.mostInFlight;
  }

  /** Resolves to the next such request when it arrives, before it is served. */
  nextRequest(matcher?: RequestMatcher): Promise<VaultRequest> {
    return this.#log.next(matcher);
  }

  /** One fault each request, the oldest that is for it first. */
  script(...faults: readonly Fault[]): ScriptedFault {
    return this.#script.add(faults);
  }

  clearScript(): void {
    this.#script.clear();
  }

  /** Faults that have not befallen all their requests. */
  get unspentFaults(): number {
    return this.#script.unspent;
  }

  /** A new budget from now on, or none. */
  limit(quota: QuotaOptions | undefined): void {
    this.#quota = quota && new Quota(this.#clock, quota);
  }

  /** Revokes every token issued so far. */
  expireTokens(): void {
    this.identityProvider.revokeTokens();
  }

  /** The version it got; another one, where the key exists. */
  async createKey(name: string, options?: CreateKeyOptions): Promise<string> {
    return newestOf(await this.#vault.create(name, options)).version;
  }

  /** The version it got. */
  async rotateKey(name: string, options?: VersionOptions): Promise<string> {
    return newestOf(await this.#vault.rotate(name, options)).version;
  }

  updateKey(name: string, version: string, options: VersionOptions): void {
    this.#vault.update(name, version, options);
  }

  deleteKey(name: string): void {
    this.#vault.delete(name);
  }

  recoverKey(name: string): void {
    this.#vault.recover(name);
  }

  purgeKey(name: string): void {
    this.#vault.purge(name);
  }

  /** The oldest first. */
  versionsOf(name: string): readonly string[] {
    return this.#vault.read(name).versions.map(({ version }) => version);
  }

  /** Reads answer as of now from now on, as those of a replica that lags. */
  freezeReads(): void {
    this.#vault.freezeReads();
  }

  thawReads(): void {
    this.#vault.thawReads();
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#vault.close();
    if (this.#ownsProvider) await this.identityProvider.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #running(): CertificateServer {
    if (!this.#server) throw new Error('The Key Vault test server has not started');
    return this.#server;
  }

  #world(): ExchangeWorld {
    return {
      vault: this.#vault,
      identityProvider: this.identityProvider,
      behaviour: this.behaviour,
      permissions: this.permissions,
      script: this.#script,
      log: this.#log,
      quota: this.#quota,
    };
  }
}

export { vaultHostPolicy } from './key-vault/vault-host.js';
