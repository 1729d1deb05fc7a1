/** One operation in the audit trail: its start, what happens in it, its end. @module */
import { randomUUID } from 'node:crypto';
import { errorCodeOf } from '../diagnostics/traced-call.js';
import type { AuditOperation } from './audit-event.js';
import type { AuditOptions, AuditTrail } from './audit-trail.js';

/** How an operation ended. */
export type AuditEnd = 'failed' | 'finished' | 'refused' | 'stopped';

export type Facts = Readonly<Record<string, unknown>>;

/** An item that failed: never the key of a document. */
export interface FailedItem {
  /** Of a row. */
  readonly dekId?: string;
  readonly errorCode: string;
}

/** Failed items that get an event each; the others are counted in the end. */
const MOST_FAILED_ITEMS = 100;

/** Takeovers that one operation records; the next one records the others. */
const MOST_TAKEOVERS = 100;

export class AuditedOperation {
  readonly #trail: AuditTrail;
  readonly #operation: AuditOperation;
  #failed = 0;
  #unrecorded = 0;
  #pending: Promise<unknown> = Promise.resolve();
  #isOver = false;

  private constructor(trail: AuditTrail, operation: AuditOperation) {
    this.#trail = trail;
    this.#operation = operation;
  }

  /** @throws FieldEncryptionError where the start cannot be recorded: nothing may be done then. */
  static async begin(
    trail: AuditTrail,
    { kind, name, facts = {} }: Pick<AuditOperation, 'kind' | 'name'> & { readonly facts?: Facts },
  ): Promise<AuditedOperation> {
    const { parentId } = trail.options;
    const id = randomUUID();
    const operation = { id, kind, name, ...(parentId !== undefined && { parentId }) };
    await trail.write('operation.started', { operation, ...facts });
    const audited = new AuditedOperation(trail, operation);
    try {
      await audited.#followUnfinished();
    } catch (error) {
      // Else it would count as unfinished, although nothing was done.
      await audited.end('refused', { errorCode: auditCode(error) }).catch(() => undefined);
      throw error;
    }
    return audited;
  }

  /** For the runs that are made in it. */
  get audit(): AuditOptions {
    return { ...this.#trail.options, parentId: this.#operation.id };
  }

  /** @throws FieldEncryptionError where the event cannot be recorded. */
  write(what: Parameters<AuditTrail['write']>[0], facts: Facts): Promise<void> {
    return this.#trail.write(what, { operation: this.#operation, ...facts });
  }

  /** Never throws, and delays nothing: what cannot be recorded is counted in the end. */
  itemFailed({ dekId, errorCode }: FailedItem): void {
    this.#failed += 1;
    if (this.#failed > MOST_FAILED_ITEMS) return;
    const facts = { ...(dekId !== undefined && { dekId }), errorCode };
    const written = this.write('item.failed', facts).catch(() => {
      this.#unrecorded += 1;
    });
    this.#pending = Promise.all([this.#pending, written]);
  }

  /**
   * Once; later calls do nothing.
   *
   * @throws FieldEncryptionError where the end cannot be recorded: what was done is done.
   */
  async end(how: AuditEnd, facts: Facts = {}): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#pending;
    const notListed = Math.max(0, this.#failed - MOST_FAILED_ITEMS) + this.#unrecorded;
    const more = notListed === 0 ? {} : { failuresNotListed: notListed };
    await this.write(`operation.${how}`, { ...facts, ...more });
  }

  /** It continues what they left, or at least it shows that they are gone. */
  async #followUnfinished(): Promise<void> {
    const starts = await this.#trail.unfinished();
    for (const { time, subject, data } of starts.slice(0, MOST_TAKEOVERS)) {
      const { id, name } = data['operation'] as AuditOperation;
      await this.#trail.once(id, () =>
        this.write('operation.taken-over', {
          reason: 'process-gone',
          earlier: { operationId: id, name, product: subject, startedAt: time },
        }),
      );
    }
  }
}

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** The code of an error: one of an adapter may be any text. */
export function auditCode(error: unknown, signal?: AbortSignal): string {
  return knownCode(errorCodeOf(error, signal));
}

export function knownCode(code: string): string {
  return CODE.test(code) ? code : 'OTHER';
}
