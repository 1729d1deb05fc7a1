import { fail, ok } from 'node:assert/strict';
import type { MekStillNeededError } from '../../src/index.js';
import type { SimProcess } from './sim-process.js';
import type { Simulation } from './simulation.js';

/** When something was begun, to be compared with what went wrong since. */
export interface Since {
  readonly atMs: number;
  readonly faults: number;
  readonly lateRecords: number;
  readonly shredsEnded: number;
}

const OUTAGES = ['KEY_PROVIDER_THROTTLED', 'KEY_PROVIDER_UNAVAILABLE', 'STORE_UNAVAILABLE'];
const LOST_TO_OTHERS = [
  'CONTENDED',
  'MIGRATION_SUPERSEDED',
  'MIGRATION_UNDER_WAY',
  'ROTATION_SUPERSEDED',
  'ROTATION_UNFINISHED',
];

/** Whether the reported failure really occurred: an error without a cause is a violation. */
export class Explanations {
  readonly #sim: Simulation;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  since({ faults, lateRecords, shredsEnded }: SimProcess): Since {
    return { atMs: this.#sim.timeline.nowMs, faults, lateRecords, shredsEnded };
  }

  /** @returns The code. @throws What is no error of the library, or has no cause in this world. */
  require(process: SimProcess, error: unknown, since: Since): string {
    const code = codeOf(error);
    if (code === 'ERR_ASSERTION') throw error as Error;
    this.#sim.secrecy.hears(error);
    this.#sim.tally.add(`told ${process.role}: ${code}`, true);
    if (LOST_TO_OTHERS.includes(code)) return code;
    if (OUTAGES.includes(code)) {
      ok(process.faults > since.faults, `I7: ${process.name} got ${code} without a cause`);
      return code;
    }
    this.#requireCause(process, error, code, since);
    return code;
  }

  #requireCause(process: SimProcess, error: unknown, code: string, since: Since): void {
    const { name, lateRecords } = process;
    const { atMs } = since;
    const { dekId = '' } = error as { readonly dekId?: string };
    const { vault, dekStore } = this.#sim;
    switch (code) {
      case 'MEK_UNUSABLE':
        this.#requireOfSources(process, error, since);
        return;
      case 'MEK_DISABLED':
      case 'MEK_VERSION_UNKNOWN':
        ok(vault.wasDisturbedSince(atMs), `I12: ${name} got ${code}, and none was off`);
        return;
      case 'DEK_SHREDDED':
        if (dekId === '') {
          // A shred of the process's own names no DEK, and ends nothing that begins after it.
          const hasShredded = process.shredsBegun > since.shredsEnded;
          ok(hasShredded, `I5: ${name} was refused by a shred from before the call`);
          return;
        }
        ok(dekStore.row(dekId)?.state === 'shredded', `I5: ${name} took ${dekId} for shredded`);
        return;
      case 'RangeError':
        ok(
          lateRecords > since.lateRecords,
          `I4: ${name} got the error that no rollback is possible`,
        );
        return;
      case 'MEK_STILL_NEEDED':
        ok(process.role === 'operator', `I11: ${name} retires nothing`);
        ok(
          lateRecords > since.lateRecords || !saysAhead(error),
          `I4: ${name} got the error that rows are ahead: ${String(error)}`,
        );
        return;
      case 'CIPHER_STALE':
        ok(['careful writer', 'shredder'].includes(process.role), `I5: ${name} holds no cipher`);
        return;
      case 'DEK_NOT_FOUND':
        ok(process.role === 'shredder', `I1: ${name} got the error that ${dekId} is absent`);
        ok(this.#isMissedByCipher(dekId, atMs), `I1: ${name} did not find ${dekId}`);
        return;
      default:
        fail(`${code === 'TAMPERED' ? 'I14' : 'I7'}: ${name} got ${String(error)}`);
    }
  }

  /** Before a rotation begins, each version to leave is tried: what stands against one is the cause. */
  #requireOfSources(process: SimProcess, error: unknown, since: Since): void {
    ok(['operator', 'rewrapper'].includes(process.role), `I7: ${process.name} rotates nothing`);
    const { cause } = error as { readonly cause?: unknown };
    this.#requireCause(process, cause, codeOf(cause), since);
  }

  /** Shredded when the document was opened, or made so lately that the listing did not have it. */
  #isMissedByCipher(dekId: string, sinceMs: number): boolean {
    const { dekStore, weather } = this.#sim;
    if (dekStore.row(dekId)?.state === 'shredded') return true;
    const oldestMs = sinceMs - Math.max(...weather.fencesMs) - weather.lagMs;
    return dekStore.appearedAtMs(dekId) > oldestMs;
  }
}

function saysAhead(error: unknown): boolean {
  return (error as MekStillNeededError).reasons.some(({ type }) => type === 'rows-ahead');
}

/** By what it says of itself: a copy of the library has classes of its own. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: string };
  return typeof code === 'string' ? code : (name ?? String(error));
}
