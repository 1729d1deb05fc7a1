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
import { ChallengeMemory } from './challenge-memory.js';
import { RefusedTokens } from './refused-tokens.js';
import { VersionClient } from './version-client.js';

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
