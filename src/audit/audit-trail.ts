/** Writes the audit events of a process, in order. @module */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { timestampOf, type Clock } from '../async/clock.js';
import { FieldEncryptionError, isFieldEncryptionError } from '../errors/errors.js';
import {
  readOptions,
  requireBoolean,
  requireIdentifier,
  requireMethods,
} from '../guards/guards.js';
import { auditActor, type AuditActor } from './audit-actor.js';
import { auditEventType, type AuditEvent, type AuditWhat } from './audit-event.js';
import type { AuditSink } from './audit-sink.js';

/** Turns the audit trail on, for an encryptor or a run. */
export interface AuditOptions {
  /** Use one object for everything in a process: events are in order for each sink. */
  readonly sink: AuditSink;
  /** Who does it. @default the user of the operating system; the CI job is added where there is one */
  readonly user?: string;
  /** W3C Trace Context: connects the events with a trace of the application. @default none */
  readonly traceparent?: string;
  /**
   * Records documents that cannot be opened, 60 in a minute, and the number of the others. Only an encryptor uses
   * it. @default false
   */
  readonly failures?: boolean;
  /** The command in which runs are made, as `AuditedOperation.audit` has it. @default none */
  readonly parentId?: string;
}

const OPTIONS: readonly (keyof AuditOptions)[] = [
  'sink',
  'user',
  'traceparent',
  'failures',
  'parentId',
];

/** https://www.w3.org/TR/trace-context/#traceparent-header, of version 00. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** @throws TypeError or RangeError for invalid options. */
export function readAuditOptions(options: AuditOptions): AuditOptions {
  const own = readOptions(options, OPTIONS, 'audit');
  const { sink, user, traceparent, failures, parentId } = own;
  requireMethods('audit.sink', 'an audit sink', ['write'], sink);
  if (user !== undefined) requireIdentifier('audit.user', user);
  if (parentId !== undefined) requireIdentifier('audit.parentId', parentId);
  if (failures !== undefined) requireBoolean('audit.failures', failures);
  if (traceparent !== undefined && !isTraceparent(traceparent))
    throw new TypeError('"audit.traceparent" expected a traceparent of W3C Trace Context');
  return own;
}

function isTraceparent(value: unknown): boolean {
  return typeof value === 'string' && TRACEPARENT.test(value);
}

/** The events of one sink, with the numbers of their source. */
class SinkQueue {
  readonly #sink: AuditSink;
  readonly #source: string;
  #written = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(sink: AuditSink) {
    this.#sink = sink;
    this.#source = `urn:bytelyst:field-encrypt:${encodeURIComponent(hostname())}:${randomUUID()}`;
  }

  /** An event that was not recorded leaves no gap. */
  write(event: (source: string, sequence: string) => AuditEvent): Promise<void> {
    return this.#next(async () => {
      const sequence = String(this.#written + 1).padStart(10, '0');
      await this.#sink.write(event(this.#source, sequence));
      this.#written += 1;
    });
  }

  /** Operations that this process has recorded as taken over: two may begin at once. */
  readonly takenOver = new Set<string>();

  unfinished(): Promise<readonly AuditEvent[]> {
    return this.#next(async () => (await this.#sink.unfinished?.()) ?? []);
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      try {
        return await work();
      } catch (error) {
        throw auditError(error);
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function auditError(error: unknown): FieldEncryptionError {
  const isOurs = isFieldEncryptionError(error);
  if (isOurs && (error.code === 'AUDIT_FULL' || error.code === 'AUDIT_FAILED')) return error;
  return new FieldEncryptionError(
    'AUDIT_FAILED',
    'The audit sink did not record an event: see the cause, and correct the sink',
    { cause: error },
  );
}

const queues = new WeakMap<AuditSink, SinkQueue>();

/** The audit trail of one product. */
export class AuditTrail {
  readonly options: AuditOptions;
  readonly #queue: SinkQueue;
  readonly #product: string;
  readonly #clock: Clock;
  readonly #actor: AuditActor;

  /** @param options - Checked already. */
  constructor(options: AuditOptions, { product, clock }: { product: string; clock: Clock }) {
    this.options = options;
    this.#product = product;
    this.#clock = clock;
    this.#actor = auditActor(process.env, options.user);
    const { sink } = options;
    const queue = queues.get(sink) ?? new SinkQueue(sink);
    queues.set(sink, queue);
    this.#queue = queue;
  }

  /**
   * Resolves once the event is durable.
   *
   * @throws FieldEncryptionError `AUDIT_FULL` or `AUDIT_FAILED`: the event is not recorded.
   */
  write(what: AuditWhat, data: Readonly<Record<string, unknown>>): Promise<void> {
    const { traceparent } = this.options;
    const [id, time] = [randomUUID(), timestampOf(this.#clock)];
    return this.#queue.write((source, sequence) => ({
      specversion: '1.0',
      id,
      source,
      type: auditEventType(what),
      subject: this.#product,
      time,
      datacontenttype: 'application/json',
      sequence,
      ...(traceparent !== undefined && { traceparent }),
      data: { actor: this.#actor, ...data },
    }));
  }

  /** The starts of operations of processes that are gone. */
  unfinished(): Promise<readonly AuditEvent[]> {
    return this.#queue.unfinished();
  }

  /** Records a takeover of this operation, unless another operation of this process has. */
  async once(operationId: string, write: () => Promise<void>): Promise<void> {
    const { takenOver } = this.#queue;
    if (takenOver.has(operationId)) return;
    takenOver.add(operationId);
    try {
      await write();
    } catch (error) {
      takenOver.delete(operationId);
      throw error;
    }
  }
}
