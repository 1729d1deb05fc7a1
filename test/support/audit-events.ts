/** Events as the audit trail writes them. @module */
import { randomUUID } from 'node:crypto';
import type { AuditEvent, AuditWhat } from '../../src/audit/audit-event.js';
import { auditEventType } from '../../src/audit/audit-event.js';

interface AuditEventChoice {
  readonly what?: AuditWhat;
  readonly operation?: string;
  readonly source?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

export function auditEvent(number: number, choice: AuditEventChoice = {}): AuditEvent {
  const { what = 'item.failed', operation = 'operation-1', source = 'urn:test', facts } = choice;
  return {
    specversion: '1.0',
    id: randomUUID(),
    source,
    type: auditEventType(what),
    subject: 'notelett',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    sequence: String(number).padStart(10, '0'),
    data: { operation: { id: operation, kind: 'run', name: 'rewrapAllDeks' }, ...facts },
  };
}
