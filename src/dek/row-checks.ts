/** The checks of every row that was read. @module */
import type { EpochsSeen } from './epochs-seen.js';
import type { GenerationBound } from './generation-bound.js';
import type { LateRows } from './late-rows.js';

export interface RowChecks {
  readonly bound: GenerationBound;
  readonly epochs: EpochsSeen;
  readonly late: LateRows;
}
