/** What an upkeep of DEK rows works with. @module */
import type { Clock } from '../clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { RecordReader } from '../rotation/record-reader.js';
import type { WorkLimit } from '../settle-concurrently.js';
import type { DekStore } from '../store/dek-store.js';
import type { UpkeepRequest } from './upkeep-options.js';

export interface UpkeepContext {
  readonly product: string;
  readonly providers: ConfiguredProviders;
  readonly dekStore: Required<DekStore>;
  readonly dekCache: DekCache | undefined;
  readonly records: RecordReader;
  readonly clock: Clock;
  readonly request: UpkeepRequest;
  /** As the budget of the run has it now. */
  readonly concurrency: WorkLimit;
  readonly signal: AbortSignal | undefined;
  /**
   * After rows were read, and before any of them is written: it reads the rotation record, and what it
   * throws ends the run. Absent where a run may go on beside any rotation.
   */
  readonly requireAllowed: (() => Promise<void>) | undefined;
}
