import type { Random } from './random.js';

/** What a seed's world is like: no two are tried in the same way. */
export interface Weather {
  /** How late a read of the DEK store may be. */
  readonly lagMs: number;
  /** A read may be given an earlier version than the read before it was; never than its own writes. */
  readonly readsGoBack: boolean;
  /** How late the vault may take notice of what the operator does. */
  readonly vaultLagMs: number;
  /** Of calls: refused, lost on the way, or answered twice. */
  readonly faultRate: number;
  /** Of calls that take longer than usual; a part of them longer than the fence. */
  readonly slowRate: number;
  /** By how much the wall clocks of two processes may differ. */
  readonly skewMs: number;
  /** Chance that a process is killed at one of its next calls, each time the crasher looks. */
  readonly crashRate: number;
  readonly pageSize: number;
  readonly cacheTtlMs: number;
  readonly leaseTtlMs: number;
  /** The store begins without a row and without a rotation record. */
  readonly startsEmpty: boolean;
  /** Records have macs. */
  readonly hasRecordKey: boolean;
  /** Chance that a process makes recovery wraps; some do where it is being turned on. */
  readonly recoveryRate: number;
  /** How far the operator goes. */
  readonly restores: boolean;
  /** What processes are configured with; the record has that of the process which made it. */
  readonly fencesMs: readonly number[];
  /** Chance that a process is configured with a least epoch. */
  readonly pinRate: number;
  /** A process shreds documents while it does everything else with them. */
  readonly shreds: boolean;
  /** Chance that a DEK row takes longer than a fence to be made. */
  readonly slowCreateRate: number;
}

export function weatherOf(random: Random): Weather {
  return {
    lagMs: random.pick([0, 0, 40, 150, 500, 900]),
    readsGoBack: random.chance(0.6),
    vaultLagMs: random.pick([0, 0, 100]),
    faultRate: random.pick([0, 0.01, 0.03, 0.08]),
    slowRate: random.pick([0.01, 0.04, 0.1]),
    skewMs: random.pick([0, 0, 50, 700, 3_600_000]),
    crashRate: random.pick([0, 0.1, 0.35]),
    pageSize: random.int(1, 4),
    cacheTtlMs: random.pick([600, 2_500, 20_000]),
    leaseTtlMs: random.pick([1_000, 3_000]),
    hasRecordKey: random.chance(0.4),
    recoveryRate: random.pick([0, 0, 0, 0.5, 0.5, 1]),
    startsEmpty: random.chance(0.2),
    restores: random.chance(0.35),
    fencesMs: random.pick([[1_000], [1_000], [1_000, 1_600, 3_000]]),
    pinRate: random.pick([0, 0.3]),
    shreds: random.chance(0.5),
    slowCreateRate: random.pick([0, 0, 0, 0.3]),
  };
}
