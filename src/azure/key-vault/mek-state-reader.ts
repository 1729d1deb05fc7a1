/** Reads versions of the MEK from the vault, each at most once per lifetime. @module */
import type { KeyVaultKey } from '@azure/keyvault-keys';
import { momentOf } from '../../async/clock.js';
import { ExpiringMap } from '../../async/expiring-map.js';
import { SingleFlight, untilAborted } from '../../async/abort.js';
import { KeyProviderError } from '../../errors/errors.js';
import { isVaultKeyVersion } from '../../provider/named-mek.js';
import type { AkvSettings } from './akv-options.js';
import { mekStateOf, requireWrappable, type MekState } from './mek-state.js';
import type { VaultCalls } from './vault-calls.js';
import { isPermissionFailure } from './vault-failure.js';

/** What is known of a version. */
export interface MekReading {
  /** Absent where the vault denies reading. */
  readonly state?: MekState;
  /** Length of its wraps: of its state, or as an unwrap showed where reading is denied. */
  readonly wrapBytes: number | undefined;
}

const VERSIONS_KEPT = 64;
const NEWEST = 'newest';

export class MekStateReader {
  readonly #calls: VaultCalls;
  readonly #settings: AkvSettings;
  readonly #readings: ExpiringMap<MekReading>;
  readonly #newest: ExpiringMap<string>;
  readonly #readingFlights = new SingleFlight<MekReading>();
  readonly #newestFlights = new SingleFlight<string>();

  constructor(calls: VaultCalls, settings: AkvSettings) {
    this.#calls = calls;
    this.#settings = settings;
    const { stateTtlMs: ttlMs, clock } = settings;
    this.#readings = new ExpiringMap({ maxEntries: VERSIONS_KEPT, ttlMs, clock });
    this.#newest = new ExpiringMap({ maxEntries: 1, ttlMs, clock });
  }

  /** @throws KeyProviderError where the newest version may not wrap DEKs. */
  async readNewest(signal?: AbortSignal): Promise<string> {
    const known = this.#newest.get(NEWEST);
    if (known !== undefined) return known;
    const reading = this.#newestFlights.run(NEWEST, () => this.#fetchNewest());
    return untilAborted(reading, signal);
  }

  /** @throws KeyProviderError where that version may not wrap DEKs. */
  async read(mekVersion: string, signal?: AbortSignal): Promise<MekReading> {
    const known = this.#readings.get(mekVersion);
    if (known === undefined) {
      const reading = this.#readingFlights.run(mekVersion, () => this.#fetch(mekVersion));
      return untilAborted(reading, signal);
    }
    if (known.state) requireWrappable(known.state, this.#settings);
    return known;
  }

  /** Whether or not the version may wrap DEKs; `undefined` where that is unknown. */
  async readUnchecked(mekVersion: string, signal?: AbortSignal): Promise<MekState | undefined> {
    const known = this.#readings.get(mekVersion);
    if (known?.state) return known.state;
    try {
      return (await untilAborted(this.#request(mekVersion), signal)).state;
    } catch (error) {
      if (error instanceof KeyProviderError) return undefined;
      throw error;
    }
  }

  /** An unwrap succeeded under a version that cannot be read. @param wrapBytes - Length of the wrap. */
  prove(mekVersion: string, wrapBytes: number): void {
    this.#readings.set(mekVersion, { wrapBytes });
  }

  async #fetchNewest(): Promise<string> {
    const since = momentOf(this.#settings.clock);
    const key = await this.#getNewest();
    const { version } = key.properties;
    const { wrapAlgorithm, vaultUrl, mekName } = this.#settings;
    if (version === undefined || !isVaultKeyVersion(version)) {
      throw new KeyProviderError(
        'KEY_PROVIDER_FAILED',
        `The vault returned no exact version of ${vaultUrl}/keys/${mekName}: check any proxy in between`,
      );
    }
    const state = mekStateOf(key, version, wrapAlgorithm);
    requireWrappable(state, this.#settings);
    this.#readings.set(version, { state, wrapBytes: state.wrapBytes }, since);
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

  async #fetch(mekVersion: string): Promise<MekReading> {
    const since = momentOf(this.#settings.clock);
    const reading = await this.#request(mekVersion);
    if (!reading.state) return reading;
    requireWrappable(reading.state, this.#settings);
    // A state that is not remembered is read again: an enabled version, or a granted permission, takes effect
    // at once.
    this.#readings.set(mekVersion, reading, since);
    return reading;
  }

  async #request(mekVersion: string): Promise<MekReading> {
    try {
      const key = await this.#calls.getKey(mekVersion);
      const state = mekStateOf(key, mekVersion, this.#settings.wrapAlgorithm);
      return { state, wrapBytes: state.wrapBytes };
    } catch (error) {
      if (isPermissionFailure(error)) return { wrapBytes: undefined };
      throw error;
    }
  }
}
