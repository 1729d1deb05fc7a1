import {
  isFieldEncryptionError,
  type DocumentStore,
  type MigrationOptions,
  type MigrationSummary,
} from '../../src/index.js';
import type { Loose } from './encryptor.js';
import type { Mortal } from './migration-mortal.js';
import type { Migration } from './migrations.js';
import type { Process } from './rotation/watch.js';

export type Encryption = Pick<
  Process['encryptor'],
  'clock' | 'dekStore' | 'fenceTtlMs' | 'keyProviders' | 'product'
>;
export type Start = (
  encryption: Encryption,
  documents: DocumentStore<Loose>,
  options: MigrationOptions,
) => Migration;

/** How a migration stops that does not come to its end undisturbed. */
export interface Ending {
  /**
   * `left` at an event; `dead` with a call on its way; `cut-off`, which is dead with a write on its way
   * that takes long; or `stuck` for as long as such a write takes, and then alive again.
   */
  readonly as: 'cut-off' | 'dead' | 'left' | 'stuck';
  /** A number of events, calls or writes. */
  readonly after: number;
}

/** A migration in a race. */
export class Run {
  readonly name: string;
  summary: MigrationSummary | undefined;
  error: unknown;
  /** It ended, was left, died or got stuck. */
  isOver = false;
  /** Which of the runs it was to take the lease, from 1 on. */
  begun = 0;
  mortal: Mortal | undefined;
  pages = 0;
  passes = 0;
  /** Of single documents. */
  readonly failures: unknown[] = [];
  /** Documents that it wrote, and has not reported yet. */
  readonly landed = new Set<string>();
  /** How many had begun when it last heard that the lease was its own. */
  heard = 0;
  lostReplaces = 0;
  /** Writes that were executed, or refused, after another had taken its lease. */
  lateWrites = 0;
  /** Those of them that made a DEK row: of a generation that another counts among the old. */
  lateCreates = 0;
  writes = 0;
  /** Plaintext that was written since its last scan began. */
  plainSinceScan = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export interface MigrateOptions {
  readonly ending?: Ending | undefined;
  /** Starts again where it is refused for another that is alive. @default false */
  readonly insists?: boolean;
}

export function codeOf(error: unknown): string | undefined {
  return isFieldEncryptionError(error) ? error.code : undefined;
}
