import type { AuditEvent, AuditSink } from '../../src/index.js';

/** A sink that keeps what it receives, as a reader of JSON sees it. */
export class RecordingSink implements AuditSink {
  readonly events: AuditEvent[] = [];
  /** Called before each event is kept; an error refuses it. */
  before: (event: AuditEvent) => Promise<void> | void = () => undefined;

  async write(event: AuditEvent): Promise<void> {
    await this.before(event);
    this.events.push(JSON.parse(JSON.stringify(event)) as AuditEvent);
  }

  /** What happened, in order: `operation.started`. */
  get whats(): readonly string[] {
    return this.events.map(whatOf);
  }

  /** The data of the events of one kind, without who did it. */
  dataOf(what: string): readonly Record<string, unknown>[] {
    return this.events.filter((each) => whatOf(each) === what).map(dataIn);
  }
}

export function whatOf({ type }: Pick<AuditEvent, 'type'>): string {
  return type.replace('com.bytelyst.field-encrypt.', '').replace(/\.v1$/, '');
}

/** Without who did it. */
export function dataIn({ data }: AuditEvent): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== 'actor'));
}
