/** Counts what a recovery got back, and what is lost. @module */
import type { DekLossReason, RewrapEvent, RewrapSummary } from '../rotation/rewrap-event.js';
import type { RecoverySummary } from './recovery-event.js';

const NO_LOSSES: Readonly<Record<DekLossReason, number>> = {
  'no-recovery-wrap': 0,
  'other-recovery-key': 0,
  'broken-recovery-wrap': 0,
  'commitment-mismatch': 0,
  'unreadable-row': 0,
};

export class RecoveryCount {
  #recovered = 0;
  #losses = { ...NO_LOSSES };

  add(event: RewrapEvent): void {
    // Each pass meets again what the one before could not move.
    if (event.type === 'pass') this.#losses = { ...NO_LOSSES };
    if (event.type === 'failed' && event.loss) this.#losses[event.loss.reason] += 1;
    const isOpened = event.type === 'changed' || event.type === 'would-change';
    if (isOpened && event.recovered) this.#recovered += 1;
  }

  summary(rewrap: RewrapSummary, recoveryKeyId: string): RecoverySummary {
    const losses = { ...this.#losses };
    const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
    return { ...rewrap, recoveryKeyId, recovered: this.#recovered, lost, losses };
  }
}
