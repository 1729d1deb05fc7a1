/** The events of the audit trail: CloudEvents 1.0. docs/audit.md describes each type. @module */

export const AUDIT_EVENT_PREFIX = 'com.bytelyst.field-encrypt.';

/** What happened. The type of an event is `com.bytelyst.field-encrypt.<what>.v1`. */
export type AuditWhat =
  | 'deks.shredded'
  | 'drill.finished'
  | 'item.failed'
  | 'open.failed'
  | 'opens.failed'
  | 'operation.failed'
  | 'operation.finished'
  | 'operation.refused'
  | 'operation.started'
  | 'operation.stopped'
  | 'operation.taken-over'
  | 'preflight.checked'
  | 'record.changed'
  | 'retirement.checked';

export type AuditEventType = `${typeof AUDIT_EVENT_PREFIX}${AuditWhat}.v1`;

/**
 * One event, in the JSON format of CloudEvents 1.0. `data` is plain JSON, by the schema of its type: names, ids,
 * counts, codes and times; never a key, a wrap, a ciphertext, a value or the key of a document.
 */
export interface AuditEvent {
  readonly specversion: '1.0';
  /** Unique. The same event that arrives again has the same `id`. */
  readonly id: string;
  /** One for each process and sink: a URI. */
  readonly source: string;
  readonly type: AuditEventType;
  /** The product. */
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** 10 digits: the number of the event among those of its source, from 1 on and without a gap. */
  readonly sequence: string;
  /** W3C Trace Context, of the whole command or of what the application passed. */
  readonly traceparent?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A run of the library, or a command of the operator; each has one start and one end. */
export interface AuditOperation {
  readonly id: string;
  readonly kind: 'command' | 'run';
  /** The name of the function, or of the mode. */
  readonly name: string;
  /** The command that made the run. */
  readonly parentId?: string;
}

export function auditEventType(what: AuditWhat): AuditEventType {
  return `${AUDIT_EVENT_PREFIX}${what}.v1`;
}

const ENDS: readonly AuditEventType[] = (
  ['operation.finished', 'operation.stopped', 'operation.refused', 'operation.failed'] as const
).map(auditEventType);

/**
 * What an event means for the open operations of a sink: a sink that keeps them, keeps the `opens` until an event
 * `closes` them.
 */
export function operationChange({ type, data }: Pick<AuditEvent, 'data' | 'type'>): {
  readonly opens?: string;
  readonly closes?: string;
} {
  const { operation, earlier } = data as {
    readonly operation?: AuditOperation;
    readonly earlier?: { readonly operationId?: string };
  };
  if (type === auditEventType('operation.started')) return operation ? { opens: operation.id } : {};
  if (ENDS.includes(type)) return operation ? { closes: operation.id } : {};
  const isTakeover = type === auditEventType('operation.taken-over');
  return isTakeover && earlier?.operationId !== undefined ? { closes: earlier.operationId } : {};
}
