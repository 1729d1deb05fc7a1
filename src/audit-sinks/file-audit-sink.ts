/** The audit trail in a file. @module */
import { systemClock, type Clock } from '../async/clock.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { AuditSink } from '../audit/audit-sink.js';
import { readOptions, requireIdentifier, requireIntegerBetween } from '../guards/guards.js';
import { auditClosed, auditFailed, auditUnreadable } from './audit-failure.js';
import { appendLines, eventLine, type EventLine } from './event-line.js';
import { FileHolder } from './file-holder.js';
import { GroupCommit } from './group-commit.js';
import { Heartbeat } from './heartbeat.js';
import { OpenOperations } from './open-operations.js';
import { requireClock } from './required-clock.js';
import { SharedLog } from './shared-log.js';

export interface FileAuditSinkOptions {
  /** Made at the first event, for its owner alone (mode 0600), in a folder that exists. */
  readonly file: string;
  /** A file that would become longer is renamed first, 1 024 to 2^40. @default 67 108 864 (64 MiB) */
  readonly maxBytes?: number;
  /** The source of time for names of files, and for which process is gone. @default systemClock */
  readonly clock?: Clock;
}

const DEFAULT_BYTES = 64 * 2 ** 20;
const [LEAST_BYTES, MOST_BYTES] = [1_024, 2 ** 40];

/**
 * Keeps the audit trail in a file of JSON lines: one event in each line, in the JSON format of CloudEvents.
 *
 * `write` resolves once the event is on disk (`fdatasync`). Any number of processes of one machine may write one
 * file. A file that has reached `maxBytes` is renamed to `<file>.<time>-<random>`, and nothing is ever deleted: move
 * old files away, or compress them, as you need. `<file>.open` is a folder with one small file for each operation
 * that has begun and not ended.
 *
 * Every line that is an event was recorded. A line that ends in ` (not recorded)` was cut off, by a full disk or a
 * process that was killed: its event was refused.
 *
 * @throws FieldEncryptionError `AUDIT_FAILED` from `write` and `unfinished` where the file cannot be written or read:
 *   the message says what to do.
 *
 * @example
 * ```ts
 * import { FileAuditSink } from '@bytelyst/field-encrypt/audit';
 *
 * const sink = new FileAuditSink({ file: 'audit.jsonl' });
 * console.log(typeof sink.write); // function
 * ```
 */
export class FileAuditSink implements AuditSink {
  readonly #file: string;
  readonly #holder: FileHolder = new FileHolder();
  readonly #operations: OpenOperations;
  readonly #heartbeat: Heartbeat;
  readonly #commits: GroupCommit<EventLine>;
  #isClosed = false;

  /** @throws TypeError or RangeError for invalid options. */
  constructor(options: FileAuditSinkOptions) {
    const own = readOptions(options, ['file', 'maxBytes', 'clock']);
    const { file, maxBytes = DEFAULT_BYTES, clock = systemClock } = own;
    requireIdentifier('file', file);
    requireIntegerBetween('maxBytes', maxBytes, LEAST_BYTES, MOST_BYTES);
    requireClock(clock);
    this.#file = file;
    const operations = new OpenOperations(`${file}.open`, this.#holder, clock);
    const log = new SharedLog({ file, maxBytes, clock });
    this.#operations = operations;
    this.#heartbeat = new Heartbeat(clock, () => operations.paths());
    this.#commits = new GroupCommit(async (lines) => {
      await appendLines(lines, operations, (bytes) => log.append(bytes));
      return new Map();
    });
  }

  /**
   * Resolves once the event is durable.
   *
   * @throws FieldEncryptionError `AUDIT_FAILED`: the event is not recorded.
   */
  async write(event: AuditEvent): Promise<void> {
    const line = eventLine(event);
    if (this.#isClosed) throw auditClosed(`The audit file "${this.#file}"`);
    if (line.opens !== undefined) this.#heartbeat.start();
    try {
      await this.#commits.write(line);
    } catch (error) {
      throw auditFailed(`The audit file "${this.#file}"`, error);
    }
  }

  /** The starts of operations without an end, of processes that are gone. */
  async unfinished(): Promise<readonly AuditEvent[]> {
    try {
      return await this.#operations.unfinished();
    } catch (error) {
      throw auditUnreadable(`The folder "${this.#file}.open"`, error);
    }
  }

  /** Waits for what is being written. Later events are refused. Not needed before the process ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#heartbeat.stop();
    await this.#commits.alone(() => Promise.resolve());
    this.#holder.release();
  }
}
