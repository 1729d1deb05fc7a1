import {
  ALL_MEKS,
  nameOf,
  openWrap,
  targetAt,
  wrapUnder,
  type MekName,
} from '../support/rotation/meks.js';
import type { KeyWrap, WrapKeyOptions } from '../../src/adapters.js';
import type { Library } from './library.js';
import type { SimProcess } from './sim-process.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export type MekState = 'absent' | 'deleted' | 'disabled' | 'enabled';

interface Change {
  readonly name: MekName;
  readonly state: MekState;
  readonly atMs: number;
}

/** A key vault: real keys, of versions that an operator makes, disables, deletes and recovers. */
export class FakeVault {
  readonly id = 'env';
  readonly mekName = 'env';
  readonly wrapAlgorithm = 'A256KW';
  readonly #library: Library;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #lagMs: number;
  readonly #changes: Change[] = ALL_MEKS.map((name) => ({
    name,
    state: name === 'a' ? 'enabled' : 'absent',
    atMs: 0,
  }));

  constructor(
    { library, timeline, random }: { library: Library; timeline: Timeline; random: Random },
    lagMs: number,
  ) {
    this.#library = library;
    this.#timeline = timeline;
    this.#random = random;
    this.#lagMs = lagMs;
  }

  set(name: MekName, state: MekState): void {
    this.#changes.push({ name, state, atMs: this.#timeline.nowMs });
  }

  stateOf(name: MekName): MekState {
    return this.#changes.findLast((each) => each.name === name)?.state ?? 'absent';
  }

  /** Every version that was ever made. */
  get made(): readonly MekName[] {
    return ALL_MEKS.filter((name) => this.stateOf(name) !== 'absent');
  }

  /** Whether one of the versions may have seemed unusable to a process since then. */
  wasDisturbedSince(atMs: number, names: readonly MekName[] = this.made): boolean {
    const since = atMs - this.#lagMs;
    const isUnusable = (name: MekName): boolean =>
      this.#changes.some(
        (each, index) =>
          each.name === name && each.state !== 'enabled' && this.#untilMs(name, index) >= since,
      );
    return names.some(isUnusable);
  }

  /** The newest that can be used. */
  currentVersion(): string {
    const usable = this.made.filter((name) => this.#seen(name) === 'enabled');
    return targetAt(usable.at(-1) ?? 'a').mekVersion;
  }

  wrapKey(_process: SimProcess, dek: Uint8Array, { mekVersion }: WrapKeyOptions): KeyWrap {
    const name = this.#usable(mekVersion);
    const { id: keyProvider, mekName, wrapAlgorithm } = this;
    return { wrappedDek: wrapUnder(name, dek), wrapAlgorithm, keyProvider, mekName, mekVersion };
  }

  unwrapKey(_process: SimProcess, wrap: KeyWrap): Uint8Array {
    this.#usable(wrap.mekVersion);
    try {
      return openWrap(wrap);
    } catch {
      throw new this.#library.KeyProviderError('WRAP_REJECTED', 'Not a wrap of this MEK');
    }
  }

  #usable(mekVersion: string): MekName {
    const { KeyProviderError } = this.#library;
    const name = nameOf({ mekVersion });
    const state = this.#seen(name);
    if (state === 'enabled') return name;
    const code = state === 'disabled' ? 'MEK_DISABLED' : 'MEK_VERSION_UNKNOWN';
    throw new KeyProviderError(code, `The MEK version ${name} is ${state}`);
  }

  /** What a request gets to see: what was changed lately, or what it was before. */
  #seen(name: MekName): MekState {
    const oldestMs = this.#timeline.nowMs - this.#lagMs;
    const own = this.#changes.filter((each) => each.name === name);
    const firstSeen = own.findLastIndex(({ atMs }) => atMs <= oldestMs);
    const visible = own.slice(Math.max(0, firstSeen));
    return this.#random.pick(visible).state;
  }

  #untilMs(name: MekName, index: number): number {
    const next = this.#changes.find((each, nth) => nth > index && each.name === name);
    return next ? next.atMs + this.#lagMs : Infinity;
  }
}
