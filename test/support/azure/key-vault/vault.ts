/** The keys of one vault, live and deleted. @module */
import type { Clock } from '../../../../src/index.js';
import type { Behaviour } from './behaviour.js';
import { backupOf, keyInBackup } from './key-backups.js';
import { makeMaterial, type MaterialOptions } from './key-material.js';
import { isCurrent, newVersion, updatedVersion } from './key-versions.js';
import type { KeyVersion, VersionOptions } from './key-versions.js';
import { conflict, forbidden, keyNotFound } from './refusal.js';
import { RsaLoans } from './rsa-pairs.js';

export interface StoredKey {
  readonly name: string;
  /** The newest is the last. */
  readonly versions: readonly [KeyVersion, ...KeyVersion[]];
  readonly deletedOn?: Date;
  /** Cannot be used before. */
  readonly recoveredAtMs?: number;
}

export interface CreateKeyOptions extends VersionOptions, Partial<MaterialOptions> {}

type Use = 'wrapKey' | 'unwrapKey';

export class Vault {
  readonly #clock: Clock;
  readonly #behaviour: Behaviour;
  readonly #loans = new RsaLoans();
  #live = new Map<string, StoredKey>();
  #deleted = new Map<string, StoredKey>();
  #frozen: ReadonlyMap<string, StoredKey> | undefined;

  constructor(clock: Clock, behaviour: Behaviour) {
    this.#clock = clock;
    this.#behaviour = behaviour;
  }

  /** Another version, where the key exists. */
  async create(name: string, options: CreateKeyOptions = {}): Promise<StoredKey> {
    const { type = 'RSA', size, exponent, curve } = options;
    const material = await makeMaterial({ type, size, exponent, curve }, this.#loans);
    return this.#add(name, newVersion(material, options, this.#now()));
  }

  /** A new version of the same sort; dates are its own. */
  async rotate(name: string, options: VersionOptions = {}): Promise<StoredKey> {
    const { material, keyOps, tags } = newestOf(this.#usable(name));
    const fresh = await makeMaterial(material.options, this.#loans);
    return this.#add(name, newVersion(fresh, { keyOps, tags, ...options }, this.#now()));
  }

  update(name: string, version: string, options: VersionOptions): KeyVersion {
    const key = this.#usable(name);
    const updated = updatedVersion(versionOf(key, version), options, this.#now());
    const [first, ...others] = key.versions;
    const swap = (each: KeyVersion): KeyVersion =>
      each.version === updated.version ? updated : each;
    this.#live.set(name, { ...key, versions: [swap(first), ...others.map(swap)] });
    return updated;
  }

  /** The whole key, as reads see it. */
  read(name: string): StoredKey {
    const key = (this.#frozen ?? this.#live).get(name);
    if (!key || this.#isRecovering(key)) throw keyNotFound(name);
    return key;
  }

  /** One version as reads see it; the newest if none is named. */
  readVersion(name: string, version: string): KeyVersion {
    const found = versionOf(this.read(name), version);
    if (!found.enabled && this.#behaviour.getOfDisabled === 'refused') throw disabled('get');
    return found;
  }

  /** One version that may be used so now; the newest if none is named. */
  use(use: Use, name: string, version: string): KeyVersion {
    const found = versionOf(this.#usable(name), version);
    const isRefused = use === 'unwrapKey' || this.#behaviour.wrapOnDisabled === 'refused';
    if (!found.enabled && isRefused) throw disabled(use);
    if (!found.keyOps.includes(use)) {
      throw forbidden('KeyOperationForbidden', `The key does not list the operation ${use}.`);
    }
    if (use === 'wrapKey' && !isCurrent(found, this.#now())) {
      throw forbidden('KeyNotYetValidOrExpired', 'The key does not wrap outside its dates.');
    }
    return found;
  }

  list(): readonly StoredKey[] {
    return [...(this.#frozen ?? this.#live).values()].filter((key) => !this.#isRecovering(key));
  }

  delete(name: string): StoredKey {
    const deleted = { ...this.#usable(name), deletedOn: this.#now() };
    this.#live.delete(name);
    this.#deleted.set(name, deleted);
    return deleted;
  }

  readDeleted(name: string): StoredKey {
    const key = this.#deleted.get(name);
    if (!key) throw keyNotFound(name);
    return key;
  }

  listDeleted(): readonly StoredKey[] {
    return [...this.#deleted.values()];
  }

  recover(name: string): StoredKey {
    const { versions } = this.readDeleted(name);
    const recoveredAtMs = this.#clock.wallMs() + this.#behaviour.recoveryWindowMs;
    const key = { name, versions, recoveredAtMs };
    this.#deleted.delete(name);
    this.#live.set(name, key);
    return key;
  }

  purge(name: string): void {
    this.readDeleted(name);
    this.#deleted.delete(name);
  }

  backup(name: string): Buffer {
    const key = this.#usable(name);
    this.#loans.keep();
    return backupOf(key);
  }

  /** Where the name is free, also of a deleted key. */
  restore(backup: Buffer): StoredKey {
    const { name, versions } = keyInBackup(backup);
    if (this.#live.has(name)) throw conflict('KeyAlreadyExists', `There is a key ${name} already.`);
    this.#requireNotDeleted(name);
    const key = { name, versions };
    this.#live.set(name, key);
    return key;
  }

  /** From now on reads answer as of now, whatever changes: as a replica that lags does. */
  freezeReads(): void {
    this.#frozen = new Map(this.#live);
  }

  thawReads(): void {
    this.#frozen = undefined;
  }

  close(): void {
    this.#loans.giveBack();
  }

  #usable(name: string): StoredKey {
    const key = this.#live.get(name);
    if (!key) throw keyNotFound(name);
    if (this.#isRecovering(key)) {
      throw conflict('ObjectIsBeingRecovered', `The key ${name} is being recovered.`);
    }
    return key;
  }

  #add(name: string, version: KeyVersion): StoredKey {
    this.#requireNotDeleted(name);
    const old = this.#live.has(name) ? this.#usable(name) : undefined;
    const key: StoredKey = { name, versions: old ? [...old.versions, version] : [version] };
    this.#live.set(name, key);
    return key;
  }

  #requireNotDeleted(name: string): void {
    if (!this.#deleted.has(name)) return;
    throw conflict('ObjectIsDeletedButRecoverable', `A deleted key holds the name ${name}.`);
  }

  #isRecovering({ recoveredAtMs = -Infinity }: StoredKey): boolean {
    return this.#clock.wallMs() < recoveredAtMs;
  }

  #now(): Date {
    return new Date(this.#clock.wallMs());
  }
}

export function newestOf({ versions }: StoredKey): KeyVersion {
  return versions.at(-1) ?? versions[0];
}

function versionOf(key: StoredKey, version: string): KeyVersion {
  if (version === '') return newestOf(key);
  const found = key.versions.find((each) => each.version === version);
  if (!found) throw keyNotFound(`${key.name}/${version}`);
  return found;
}

function disabled(operation: string): Error {
  return forbidden('KeyDisabled', `The key is disabled, and ${operation} needs it enabled.`);
}
