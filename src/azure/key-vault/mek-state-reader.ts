/** Looks at versions of the MEK in the vault, each at most once in a while. @module */
import type { KeyVaultKey } from '@azure/keyvault-keys';
import { momentOf, type Clock } from '../../async/clock.js';
import { ExpiringMap } from '../../dek/expiring-map.js';
import { SingleFlight } from '../../async/single-flight.js';
import { KeyProviderError } from '../../errors/errors.js';
import { describeMek } from '../../format/key-wrap.js';
import { isVaultKeyVersion } from '../../provider/vault-names.js';
import { untilAborted } from '../../async/until-aborted.js';
import type { AkvSettings } from './akv-options.js';
import { mekStateOf, requireWrappable, type MekState } from './mek-state.js';
import type { VaultCalls } from './vault-calls.js';
import { isPermissionFailure } from './vault-failure.js';

/** `'unseen'`: the vault lets nobody look; `'proved'`: nobody may look, but an unwrap succeeded. */
export type MekSight = MekState | 'proved' | 'unseen';

const VERSIONS_KEPT = 64;
const NEWEST = 'newest';

export class MekStateReader {
  readonly #calls: VaultCalls;
  readonly #settings: AkvSettings;
  readonly #clock: Clock;
  readonly #sights: ExpiringMap<MekSight>;
  readonly #provedBytes: ExpiringMap<number>;
  readonly #newest: ExpiringMap<string>;
  readonly #sightFlights = new SingleFlight<MekSight>();
  readonly #newestFlights = new SingleFlight<string>();

  constructor(calls: VaultCalls, settings: AkvSettings, clock: Clock) {
    this.#calls = calls;
    this.#settings = settings;
    this.#clock = clock;
    const { stateTtlMs: ttlMs } = settings;
    this.#sights = new ExpiringMap({ maxEntries: VERSIONS_KEPT, ttlMs, clock });
    this.#provedBytes = new ExpiringMap({ maxEntries: VERSIONS_KEPT, ttlMs, clock });
    this.#newest = new ExpiringMap({ maxEntries: 1, ttlMs, clock });
  }

  /** @throws KeyProviderError where no DEK may be wrapped with the newest version. */
  async readNewest(signal?: AbortSignal): Promise<string> {
    const known = this.#newest.get(NEWEST);
    if (known !== undefined) return known;
    const reading = this.#newestFlights.run(NEWEST, () => this.#fetchNewest());
    return untilAborted(reading, signal);
  }

  /** @throws KeyProviderError where no DEK may be wrapped with that version. */
  async read(mekVersion: string, signal?: AbortSignal): Promise<MekSight> {
    const known = this.#sights.get(mekVersion);
    if (known === undefined) {
      const reading = this.#sightFlights.run(mekVersion, () => this.#fetch(mekVersion));
      return untilAborted(reading, signal);
    }
    if (typeof known === 'object') this.#requireWrappable(known);
    return known;
  }

  /** Whether or not a DEK may be wrapped with it; `undefined` where nobody can tell. */
  async lookAt(mekVersion: string, signal?: AbortSignal): Promise<MekState | undefined> {
    const known = this.#sights.get(mekVersion);
    if (typeof known === 'object') return known;
    try {
      const sight = await untilAborted(this.#look(mekVersion), signal);
      return typeof sight === 'object' ? sight : undefined;
    } catch (error) {
      if (error instanceof KeyProviderError) return undefined;
      throw error;
    }
  }

  /** An unwrap succeeded under a version that cannot be looked at. @param wrapBytes - Of what was unwrapped. */
  prove(mekVersion: string, wrapBytes: number): void {
    this.#provedBytes.set(mekVersion, wrapBytes);
    this.#sights.set(mekVersion, 'proved');
  }

  /** How long a wrap under a version is, as one that was unwrapped showed. */
  provedBytes(mekVersion: string): number | undefined {
    return this.#provedBytes.get(mekVersion);
  }

  async #fetchNewest(): Promise<string> {
    const since = momentOf(this.#clock);
    const key = await this.#getNewest();
    const { version } = key.properties;
    const { wrapAlgorithm, vaultUrl, mekName } = this.#settings;
    if (version === undefined || !isVaultKeyVersion(version)) {
      throw new KeyProviderError(
        'KEY_PROVIDER_FAILED',
        `The vault gave no exact version of ${vaultUrl}/keys/${mekName}: check what is between`,
      );
    }
    const state = mekStateOf(key, version, wrapAlgorithm);
    this.#requireWrappable(state);
    this.#sights.set(version, state, since);
    this.#newest.set(NEWEST, version, since);
    return version;
  }

  async #getNewest(): Promise<KeyVaultKey> {
    try {
      return await this.#calls.getKey(undefined);
    } catch (error) {
      if (!isPermissionFailure(error)) throw error;
      const { vaultUrl, mekName } = this.#settings;
      throw new KeyProviderError(
        'KEY_PROVIDER_DENIED',
        `The current version of ${vaultUrl}/keys/${mekName} cannot be looked up: grant the permission keys/get, or pin the version with FIELD_ENCRYPT_MEK_VERSION (option "mekVersion")`,
        { cause: error },
      );
    }
  }

  async #fetch(mekVersion: string): Promise<MekSight> {
    const since = momentOf(this.#clock);
    const sight = await this.#look(mekVersion);
    if (typeof sight !== 'object') return sight;
    this.#requireWrappable(sight);
    // What is not remembered is looked at again: a version that is enabled again, or a permission
    // that was granted, works at once.
    this.#sights.set(mekVersion, sight, since);
    return sight;
  }

  async #look(mekVersion: string): Promise<MekSight> {
    try {
      const key = await this.#calls.getKey(mekVersion);
      return mekStateOf(key, mekVersion, this.#settings.wrapAlgorithm);
    } catch (error) {
      if (isPermissionFailure(error)) return 'unseen';
      throw error;
    }
  }

  #requireWrappable(state: MekState): void {
    const { id: keyProvider, mekName } = this.#settings;
    const { mekVersion } = state;
    requireWrappable(
      state,
      describeMek({ keyProvider, mekName, mekVersion }),
      this.#clock.wallMs(),
    );
  }
}
