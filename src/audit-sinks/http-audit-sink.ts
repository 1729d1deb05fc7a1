/** The audit trail at a service. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { ownController, ownSignal, untilAborted } from '../async/abort.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { AuditSink } from '../audit/audit-sink.js';
import { hasCode } from '../errors/errors.js';
import {
  readOptions,
  requireFunction,
  requireIdentifier,
  requireIntegerBetween,
  requireSignal,
} from '../guards/guards.js';
import { auditClosed, auditFailed, auditUnreadable } from './audit-failure.js';
import { eventLine } from './event-line.js';
import { EventPoster } from './post-event.js';
import { EventSender } from './event-sender.js';
import { requireClock } from './required-clock.js';
import { readServiceUrl } from './service-url.js';
import { Spool } from './spool.js';
import { isWebhookId, readWebhookSecrets } from './webhook-signature.js';

export interface HttpAuditSinkOptions {
  /** Where events are posted: `https:`, or `http:` for `localhost`, `127.0.0.1` and `[::1]`. */
  readonly url: string;
  /** One or two, each `whsec_` and 24 to 64 bytes in base64: requests are signed with each. */
  readonly secrets: readonly string[];
  /** The spool: a folder on a disk that stays. Any number of processes may share it. Made when it is needed. */
  readonly folder: string;
  /** What may wait in `folder`, 65 536 to 2^40. One eighth is kept for the ends of operations. @default 67 108 864 */
  readonly maxBytes?: number;
  /** Returns the header `authorization`, such as `Bearer …`; called for each request. @default none */
  readonly authorization?: () => Promise<string> | string;
  /** Limit of one request, 1 to 600 000. @default 20 000 */
  readonly timeoutMs?: number;
  /** The source of time for waits, time stamps, and for which process is gone. @default systemClock */
  readonly clock?: Clock;
}

export interface FlushAuditOptions {
  /** 0 to 86 400 000. @default 30 000 */
  readonly timeoutMs?: number;
  /** Rejects with its reason as soon as it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** What is recorded on disk, and not yet sent. */
export interface AuditBacklog {
  readonly events: number;
  readonly bytes: number;
  /** The time of the oldest. */
  readonly oldestAt?: string;
  /** Why the last request of this sink failed: `HTTP 503`, or a code such as `ECONNREFUSED` or `TIMEOUT`. */
  readonly lastFailure?: string;
}

const OPTIONS: readonly (keyof HttpAuditSinkOptions)[] = [
  'url',
  'secrets',
  'folder',
  'maxBytes',
  'authorization',
  'timeoutMs',
  'clock',
];
const DEFAULT_BYTES = 64 * 2 ** 20;
const [LEAST_BYTES, MOST_BYTES] = [65_536, 2 ** 40];
const [DEFAULT_TIMEOUT_MS, MOST_TIMEOUT_MS] = [20_000, 600_000];
const [DEFAULT_FLUSH_MS, MOST_FLUSH_MS] = [30_000, 86_400_000];

/**
 * Sends the audit trail to a service, at least once and in order: a POST for each event, as CloudEvents in
 * structured mode, signed by Standard Webhooks.
 *
 * `write` resolves once the event is on disk, in `folder`; a sender in the background posts what is there. So an
 * unreachable service delays nothing and loses nothing. A status of 2xx acknowledges an event; after anything else
 * the sender waits, up to 60 s or as long as `Retry-After` says, at most 600 s, and tries again, without end. The
 * next event is sent after that. An event that arrives more than once has the same `id` and the same bytes.
 *
 * The sender does not keep the process alive. What a process leaves is sent by the next one that has a sink with the
 * same folder. Call {@link flush} before a short process ends, and {@link close} last.
 *
 * @throws FieldEncryptionError `AUDIT_FULL` from `write` where too much waits; `AUDIT_FAILED` from all methods where the
 *   folder cannot be written or read. The messages say what to do.
 *
 * @example
 * ```ts
 * import { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
 *
 * const sink = new HttpAuditSink({
 *   url: 'https://audit.example.com/events',
 *   secrets: [`whsec_${Buffer.alloc(32, 7).toString('base64')}`], // in production: from a secret manager
 *   folder: 'audit-spool',
 * });
 * console.log((await sink.backlog()).events); // 0
 * await sink.close();
 * ```
 */
export class HttpAuditSink implements AuditSink {
  /** The bytes that may wait to be sent. */
  readonly maxBytes: number;
  readonly #what: string;
  readonly #clock: Clock;
  readonly #spool: Spool;
  readonly #sender: EventSender;
  #isClosed = false;

  /** Begins to send what earlier processes left. @throws TypeError or RangeError for invalid options. */
  constructor(options: HttpAuditSinkOptions) {
    const own = readOptions(options, OPTIONS);
    const { authorization, folder, maxBytes = DEFAULT_BYTES, clock = systemClock } = own;
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = own;
    const url = readServiceUrl(own.url);
    const keys = readWebhookSecrets(own.secrets);
    requireIdentifier('folder', folder);
    requireIntegerBetween('maxBytes', maxBytes, LEAST_BYTES, MOST_BYTES);
    requireIntegerBetween('timeoutMs', timeoutMs, 1, MOST_TIMEOUT_MS);
    if (authorization !== undefined) requireFunction('authorization', authorization);
    requireClock(clock);
    this.maxBytes = maxBytes;
    this.#what = `The audit spool "${folder}"`;
    this.#clock = clock;
    const lastFailure = (): string | undefined => this.#sender.lastFailure;
    const spool = new Spool({ folder, maxBytes, clock, lastFailure });
    const poster = new EventPoster(url, timeoutMs);
    this.#spool = spool;
    this.#sender = new EventSender({ spool, poster, keys, authorization, clock });
    this.#sender.wake();
  }

  /**
   * Resolves once the event is durable; it is sent later.
   *
   * @throws FieldEncryptionError `AUDIT_FULL` or `AUDIT_FAILED`: the event is not recorded. TypeError for anything but an
   *   event.
   */
  async write(event: AuditEvent): Promise<void> {
    const line = eventLine(event);
    if (!isWebhookId(event.id)) {
      throw new TypeError('"event.id" expected visible ASCII characters without a full stop');
    }
    if (this.#isClosed) throw auditClosed(this.#what);
    try {
      await this.#spool.write(line);
    } catch (error) {
      throw hasCode(error, 'AUDIT_FULL') ? error : auditFailed(this.#what, error);
    }
    this.#sender.wake();
  }

  /** The starts of operations without an end, of processes that are gone. */
  async unfinished(): Promise<readonly AuditEvent[]> {
    return this.#reading(() => this.#spool.operations.unfinished());
  }

  /**
   * Waits until everything is sent, what earlier processes left too, or `timeoutMs` has passed.
   *
   * @returns What still waits in the folder, with that of other processes: `events` is 0 where all was sent.
   */
  async flush(options: FlushAuditOptions = {}): Promise<AuditBacklog> {
    const { timeoutMs = DEFAULT_FLUSH_MS, signal } = readOptions(options, ['timeoutMs', 'signal']);
    requireIntegerBetween('timeoutMs', timeoutMs, 0, MOST_FLUSH_MS);
    if (signal !== undefined) requireSignal('signal', signal);
    signal?.throwIfAborted();
    if (this.#isClosed) return this.backlog();
    const over = ownController();
    // This timer also keeps the process alive meanwhile.
    const timeout = this.#clock.sleep(timeoutMs, over.signal).catch(() => undefined);
    const sent = this.#spool.settled().then(() => this.#sender.untilSent());
    try {
      await untilAborted(Promise.race([sent, timeout]), ownSignal(signal));
    } finally {
      over.abort();
    }
    return this.backlog();
  }

  /** What waits in the folder, with that of other processes. Reads it. */
  async backlog(): Promise<AuditBacklog> {
    const { lastFailure } = this.#sender;
    const waiting = await this.#reading(() => this.#spool.backlog());
    return { ...waiting, ...(lastFailure !== undefined && { lastFailure }) };
  }

  /** Waits for what is being written, and stops sending. Later events are refused; what waits stays on disk. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#sender.close();
    await this.#spool.close();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw auditUnreadable(this.#what, error);
    }
  }
}
