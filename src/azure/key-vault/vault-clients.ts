/** The SDK's clients for one key of one vault. @module */
import {
  CryptographyClient,
  KeyClient,
  type KeyClientOptions,
  type KeyVaultKey,
} from '@azure/keyvault-keys';
import type { Clock } from '../../async/clock.js';
import { RecentMap } from '../../async/recent-map.js';
import { boundedCredential } from './bounded-credential.js';
import { ChallengeMemory, RefusedTokens } from './challenge-memory.js';

/** What the SDK calls a `TokenCredential`. */
export type VaultCredential = ConstructorParameters<typeof KeyClient>[1];

/** Passed on to the SDK's clients, but for what this library sees to itself. */
export type VaultClientOptions = Omit<
  KeyClientOptions,
  'disableChallengeResourceVerification' | 'redirectOptions' | 'retryOptions'
>;

export interface VaultClientsOptions {
  readonly vaultUrl: string;
  readonly mekName: string;
  readonly credential: VaultCredential;
  readonly clientOptions: VaultClientOptions;
  readonly verifiesChallenge: boolean;
  readonly attemptTimeoutMs: number;
}

// Versions come from rows: whoever writes rows must not fill the memory with clients.
const CLIENTS_KEPT = 32;

export class VaultClients {
  /** Reads keys, and never wraps. */
  readonly keys: KeyClient;
  readonly #options: VaultClientsOptions;
  readonly #credential: VaultCredential;
  readonly #challenge: ChallengeMemory;
  readonly #byVersion = new RecentMap<VersionClient>(CLIENTS_KEPT);

  constructor(options: VaultClientsOptions, clock: Clock) {
    const { credential, attemptTimeoutMs } = options;
    const refused = new RefusedTokens(clock);
    const isOptional = (claims: string): boolean => refused.asksFor(claims);
    this.#options = options;
    this.#challenge = new ChallengeMemory(refused);
    this.#credential = boundedCredential(credential, { attemptTimeoutMs, isOptional });
    this.keys = new KeyClient(options.vaultUrl, this.#credential, this.#clientOptions());
  }

  /** The client for one version; the same one as long as it is in use. */
  of(mekVersion: string): VersionClient {
    return this.#byVersion.getOrMake(mekVersion, () => this.#make(mekVersion));
  }

  #make(mekVersion: string): VersionClient {
    const { vaultUrl, mekName } = this.#options;
    const origin = new URL(vaultUrl).origin;
    // Without dates, permitted operations and key material the SDK neither fetches the key, nor
    // refuses on its own what the service allows (unwrapping with an expired version), nor wraps
    // on its own.
    const key: KeyVaultKey = {
      id: `${origin}/keys/${mekName}/${mekVersion}`,
      name: mekName,
      properties: { vaultUrl: origin, name: mekName, version: mekVersion },
    };
    return new VersionClient(
      (onAuthorized) =>
        new CryptographyClient(key, this.#credential, this.#clientOptions(onAuthorized)),
    );
  }

  /** Fresh for each client: the SDK writes into the options that it is given. */
  #clientOptions(onAuthorized?: () => void): KeyClientOptions {
    const { clientOptions, verifiesChallenge } = this.#options;
    const challenge = this.#challenge.policy(onAuthorized);
    return {
      ...clientOptions,
      additionalPolicies: [...(clientOptions.additionalPolicies ?? []), challenge],
      disableChallengeResourceVerification: !verifiesChallenge,
      // Retries are this library's: the SDK waits as long as it is told to, and not at all for some.
      retryOptions: { maxRetries: 0 },
      // A key never follows a redirect to another host.
      redirectOptions: { maxRetries: 0 },
    };
  }
}

type Call<T> = (client: CryptographyClient) => Promise<T>;

interface Failure {
  readonly error: unknown;
}

/**
 * The SDK's client mixes up the bodies of calls that begin before it has a token: one of them would
 * be sent empty, and refused. So the first one runs alone until it has one.
 */
class VersionClient {
  readonly #client: CryptographyClient;
  #isAuthorized = false;
  /** Settles as soon as others may go on; with the failure, where they would have the same one. */
  #first: Promise<Failure | undefined> | undefined;
  #letOthersGo: (failure?: Failure) => void = ignore;

  constructor(make: (onAuthorized: () => void) => CryptographyClient) {
    this.#client = make(() => {
      this.#isAuthorized = true;
      this.#letOthersGo();
    });
  }

  /** @param signal - The caller's own: what it ends is no failure for others. */
  async use<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    while (!this.#isAuthorized) {
      if (!this.#first) return this.#callFirst(call, signal);
      const failure = await this.#first;
      // Tried one after the other, a hundred callers would wait for a hundred timeouts.
      if (failure) throw failure.error;
    }
    return call(this.#client);
  }

  async #callFirst<T>(call: Call<T>, signal: AbortSignal | undefined): Promise<T> {
    this.#first = new Promise((resolve) => {
      this.#letOthersGo = resolve;
    });
    try {
      return await call(this.#client);
    } catch (error) {
      if (!this.#isAuthorized && signal?.aborted !== true) this.#letOthersGo({ error });
      throw error;
    } finally {
      this.#letOthersGo();
      this.#first = undefined;
    }
  }
}

function ignore(): void {
  // Nobody waits yet.
}
