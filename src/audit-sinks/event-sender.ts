/** Sends what the spool holds, one event after the other, in the background. @module */
import type { KeyObject } from 'node:crypto';
import { ownController } from '../async/abort.js';
import { restFor, type Clock } from '../async/clock.js';
import { codeOf } from './audit-failure.js';
import { BackOff } from './back-off.js';
import { TOUCH_EVERY_MS } from './file-holder.js';
import type { Answer, EventPoster } from './post-event.js';
import type { Spool, WaitingLine } from './spool.js';
import { eventIn } from './spool-file.js';
import { isWebhookId, signatureOf } from './webhook-signature.js';

const CONTENT_TYPE = 'application/cloudevents+json; charset=utf-8';

interface SenderOptions {
  readonly spool: Spool;
  readonly poster: EventPoster;
  readonly keys: readonly KeyObject[];
  readonly authorization: (() => Promise<string> | string) | undefined;
  readonly clock: Clock;
}

/** Nothing that it waits for keeps the process alive. */
export class EventSender {
  readonly #options: SenderOptions;
  readonly #backOff: BackOff;
  readonly #closing: AbortController = ownController();
  #pause: AbortController | undefined;
  #isWoken = false;
  #isScanDue = true;
  #scannedAtMs = 0;
  #idle: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #lastFailure: string | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#backOff = new BackOff(options.clock);
  }

  /** Of the last attempt, where it failed: a status or a code. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** Something waits. Does nothing while the sender backs off. */
  wake(): void {
    this.#running ??= this.#run();
    this.#isWoken = true;
    this.#pause?.abort();
  }

  /** Resolves once nothing waits, of what other processes left too. */
  async untilSent(): Promise<void> {
    const sent = new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
    this.#isScanDue = true;
    this.wake();
    await sent;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#pause?.abort();
    await this.#running;
    this.#nothingWaits();
    this.#options.poster.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#scanIfDue();
        this.#isWoken = false;
        const waiting = await this.#options.spool.next();
        if (waiting) await this.#send(waiting);
        else await this.#rest();
      } catch (error) {
        await this.#failed(codeOf(error));
      }
    }
  }

  async #scanIfDue(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#isScanDue && nowMs - this.#scannedAtMs < TOUCH_EVERY_MS) return;
    await this.#options.spool.adopt();
    this.#isScanDue = false;
    this.#scannedAtMs = nowMs;
  }

  async #send({ line, acknowledge }: WaitingLine): Promise<void> {
    const { spool, poster } = this.#options;
    const id = eventIn(line)?.['id'];
    if (!isWebhookId(id)) {
      await spool.setAside(line);
      await this.#acknowledged(acknowledge);
      return;
    }
    const headers = await this.#headers(id, line);
    const answer = await poster.post({ headers, body: line }, this.#closing.signal);
    if (answer.status < 200 || answer.status > 299) {
      await this.#failed(`HTTP ${String(answer.status)}`, answer);
      return;
    }
    this.#lastFailure = undefined;
    this.#backOff.succeeded();
    await this.#acknowledged(acknowledge);
  }

  /** A cursor that is not written is one that is lost: the next process sends the event again. */
  async #acknowledged(acknowledge: () => Promise<void>): Promise<void> {
    try {
      await acknowledge();
    } catch (error) {
      this.#lastFailure = codeOf(error);
    }
  }

  async #headers(id: string, body: Buffer): Promise<Record<string, string>> {
    const { keys, clock, authorization } = this.#options;
    const timestamp = Math.floor(clock.wallMs() / 1_000);
    return {
      'content-type': CONTENT_TYPE,
      'content-length': String(body.length),
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureOf(keys, { id, timestamp, body }),
      ...(authorization && { authorization: await authorizationBy(authorization) }),
    };
  }

  async #failed(failure: string, answer?: Answer): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#lastFailure = failure;
    const { clock } = this.#options;
    const waitMs = this.#backOff.waitMs(answer?.retryAfter);
    await restFor(clock, waitMs, this.#closing.signal).catch(() => undefined);
  }

  /** Until something is written, or it is time to look for what other processes left. */
  async #rest(): Promise<void> {
    if (this.#isScanDue || this.#isWoken || this.#closing.signal.aborted) return;
    this.#nothingWaits();
    const pause = ownController();
    this.#pause = pause;
    await restFor(this.#options.clock, TOUCH_EVERY_MS, pause.signal).catch(() => undefined);
    this.#pause = undefined;
  }

  #nothingWaits(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Its error may quote a token: a code alone is kept. */
async function authorizationBy(authorization: () => Promise<string> | string): Promise<string> {
  try {
    const value: unknown = await authorization();
    if (typeof value === 'string' && value !== '') return value;
  } catch {
    // The same as no value.
  }
  throw Object.assign(new Error('"authorization" returned no value'), { code: 'AUTHORIZATION' });
}
