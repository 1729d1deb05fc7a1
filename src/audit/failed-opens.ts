/** Records documents that could not be opened: some in each minute, and the number of the others. @module */
import { restFor, timestampOf, type Clock } from '../async/clock.js';
import { ownController } from '../async/abort.js';
import { knownCode } from './audited-operation.js';
import type { AuditTrail } from './audit-trail.js';

/** A document that could not be opened; never its key or a value. */
export interface FailedOpen {
  readonly collection: string;
  readonly errorCode: string;
  readonly dekId?: string;
  /** A declared or former path. */
  readonly path?: string;
}

const MINUTE_MS = 60_000;
const MOST_IN_A_MINUTE = 60;
/** Events that wait for the sink; more are only counted. */
const MOST_WAITING = 120;
/** Codes that are counted separately: those of an adapter may be any. */
const MOST_CODES = 64;

interface Minute {
  readonly startMs: number;
  readonly timer: AbortController;
  recorded: number;
}

/** Never delays a read, and never makes it fail. */
export class FailedOpens {
  readonly #trail: AuditTrail;
  readonly #clock: Clock;
  #minute: Minute | undefined;
  #counts = new Map<string, number>();
  /** When the first of the counted ones was seen. */
  #from: string | undefined;
  readonly #waiting = new Set<Promise<unknown>>();

  constructor(trail: AuditTrail, clock: Clock) {
    this.#trail = trail;
    this.#clock = clock;
  }

  add(failed: FailedOpen): void {
    const errorCode = knownCode(failed.errorCode);
    const minute = this.#minuteNow();
    if (minute.recorded >= MOST_IN_A_MINUTE || this.#waiting.size >= MOST_WAITING) {
      this.#count(errorCode, 1);
      return;
    }
    minute.recorded += 1;
    const recorded = this.#trail
      .write('open.failed', { ...failed, errorCode })
      .catch(() => {
        this.#count(errorCode, 1);
      })
      .finally(() => this.#waiting.delete(recorded));
    this.#waiting.add(recorded);
  }

  /**
   * Records what was only counted so far.
   *
   * @throws FieldEncryptionError where it cannot be recorded; a later call tries it again.
   */
  async close(): Promise<void> {
    this.#endMinute();
    await Promise.all(this.#waiting);
    await this.#report();
  }

  #minuteNow(): Minute {
    const now = this.#clock.monotonicMs();
    if (this.#minute && now - this.#minute.startMs >= MINUTE_MS) this.#over();
    this.#minute ??= this.#newMinute(now);
    return this.#minute;
  }

  #newMinute(startMs: number): Minute {
    const timer = ownController();
    restFor(this.#clock, MINUTE_MS, timer.signal).then(
      () => {
        if (this.#minute?.timer === timer) this.#over();
      },
      () => undefined,
    );
    return { startMs, timer, recorded: 0 };
  }

  #over(): void {
    this.#endMinute();
    // What cannot be recorded now is recorded with the next minute, or by `close`.
    this.#report().catch(() => undefined);
  }

  #endMinute(): void {
    this.#minute?.timer.abort();
    this.#minute = undefined;
  }

  async #report(): Promise<void> {
    const [counts, from] = [this.#counts, this.#from];
    if (counts.size === 0) return;
    this.#counts = new Map();
    this.#from = undefined;
    const until = timestampOf(this.#clock);
    try {
      await this.#trail.write('opens.failed', { counts: Object.fromEntries(counts), from, until });
    } catch (error) {
      for (const [code, count] of counts) this.#count(code, count);
      this.#from = from;
      this.#minute ??= this.#newMinute(this.#clock.monotonicMs());
      throw error;
    }
  }

  #count(code: string, by: number): void {
    const name = this.#counts.has(code) || this.#counts.size < MOST_CODES ? code : 'OTHER';
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
    this.#from ??= timestampOf(this.#clock);
  }
}
