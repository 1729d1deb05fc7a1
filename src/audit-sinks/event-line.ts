/** An event as it is stored and sent: one line of JSON. @module */
import { operationChange, type AuditEvent } from '../audit/audit-event.js';
import { requirePlainObject, requireText } from '../guards/guards.js';
import type { OpenOperations } from './open-operations.js';

export interface EventLine {
  readonly bytes: Buffer;
  /** Of the operation that it begins. */
  readonly opens?: string;
  /** Of the operation that it ends. */
  readonly closes?: string;
}

/** @throws TypeError for anything but an event. */
export function eventLine(event: AuditEvent): EventLine {
  requirePlainObject('event', event);
  const { id, type, time, data } = event as AuditEvent;
  requireText('event.id', id);
  requireText('event.type', type);
  requireText('event.time', time);
  requirePlainObject('event.data', data);
  return {
    bytes: Buffer.from(`${JSON.stringify(event)}\n`),
    ...operationChange(event),
  };
}

/** Appends lines, and keeps account of the operations that they begin and end. */
export async function appendLines(
  lines: readonly EventLine[],
  operations: OpenOperations,
  append: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const begun = lines.flatMap(({ opens, bytes }) =>
    opens === undefined ? [] : [{ opens, bytes }],
  );
  try {
    for (const { opens, bytes } of begun) await operations.add(opens, bytes);
    await append(Buffer.concat(lines.map(({ bytes }) => bytes)));
  } catch (error) {
    for (const { opens } of begun) await operations.remove(opens);
    throw error;
  }
  for (const { closes } of lines) if (closes !== undefined) await operations.remove(closes);
}
