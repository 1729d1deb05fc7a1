/** The SDK's clients for one key of one vault. @module */
import {
  CryptographyClient,
  KeyClient,
  type KeyClientOptions,
  type KeyVaultKey,
} from '@azure/keyvault-keys';
import { RecentMap } from '../../async/expiring-map.js';
import type { AkvSettings } from './akv-options.js';
import { boundedCredential } from './bounded-credential.js';
import { ChallengeMemory, RefusedTokens } from './challenge-memory.js';

/** The SDK's name for this type is `TokenCredential`. */
export type VaultCredential = ConstructorParameters<typeof KeyClient>[1];

/** Options for the SDK's clients, except those that this library sets itself. */
export type VaultClientOptions = Omit<
  KeyClientOptions,
  'disableChallengeResourceVerification' | 'redirectOptions' | 'retryOptions'
>;

// Versions come from rows: a writer of rows must not be able to fill the memory with clients.
const CLIENTS_KEPT = 32;

export class VaultClients {
  /** Reads keys, and never wraps. */
  readonly keys: KeyClient;
  readonly #settings: AkvSettings;
  readonly #credential: VaultCredential;
  readonly #challenge: ChallengeMemory;
  readonly #byVersion = new RecentMap<VersionClient>(CLIENTS_KEPT);

  constructor(settings: AkvSettings) {
    const refused = new RefusedTokens(settings.clock);
    this.#settings = settings;
    this.#challenge = new ChallengeMemory(refused);
    this.#credential = boundedCredential(settings, (claims) => refused.asksFor(claims));
    this.keys = new KeyClient(settings.vaultUrl, this.#credential, this.#clientOptions());
  }

  /** Returns the client for one version, the same one while it is in use. */
  of(mekVersion: string): VersionClient {
    return this.#byVersion.getOrMake(mekVersion, () => this.#make(mekVersion));
  }

  #make(mekVersion: string): VersionClient {
    const { vaultUrl, mekName } = this.#settings;
    // Without dates, permitted operations and key material, the SDK does not fetch the key, does not refuse
    // locally what the service allows (unwrapping with an expired version), and does not wrap locally.
    const key: KeyVaultKey = {
      id: `${vaultUrl}/keys/${mekName}/${mekVersion}`,
      name: mekName,
      properties: { vaultUrl, name: mekName, version: mekVersion },
    };
    return new VersionClient(
      (onAuthorized) =>
        new CryptographyClient(key, this.#credential, this.#clientOptions(onAuthorized)),
    );
  }

  /** New for each client: the SDK modifies the options that it receives. */
  #clientOptions(onAuthorized?: () => void): KeyClientOptions {
    const { clientOptions, verifiesChallenge } = this.#settings;
    const challenge = this.#challenge.policy(onAuthorized);
    return {
      ...clientOptions,
      additionalPolicies: [...(clientOptions.additionalPolicies ?? []), challenge],
      disableChallengeResourceVerification: !verifiesChallenge,
      // This library retries itself: the SDK waits as long as the server asks, and for some errors not at
      // all.
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
 * The SDK's client confuses the bodies of calls that begin before it has a token: one of them would be sent
 * empty, and refused. So the first call runs alone until the client has a token.
 */
class VersionClient {
  readonly #client: CryptographyClient;
  #isAuthorized = false;
  /** Settles when other calls may continue; with the failure, where they would fail in the same way. */
  #first: Promise<Failure | undefined> | undefined;
  #letOthersGo: (failure?: Failure) => void = ignore;

  constructor(make: (onAuthorized: () => void) => CryptographyClient) {
    this.#client = make(() => {
      this.#isAuthorized = true;
      this.#letOthersGo();
    });
  }

  /** @param signal - The caller's own: an abort by it is no failure for other calls. */
  async use<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    while (!this.#isAuthorized) {
      if (!this.#first) return this.#callFirst(call, signal);
      const failure = await this.#first;
      // If each tried in turn, a hundred callers would wait for a hundred timeouts.
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
  // No caller waits yet.
}
