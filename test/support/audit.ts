/** A sink for tests, which looks at every event. @module */
import { afterEach, expect } from 'vitest';
import type { AuditEvent, AuditSink } from '../../src/index.js';
import { problemsOf, whatOf } from './audit-schemas.js';
import { secretWatch } from './secrets/secret-watch.js';

export { whatOf } from './audit-schemas.js';

/** Key parts of the documents of the tests. */
const DOCUMENT_KEY = /ws-1|note-\d/;

/** Keeps what it receives, as a reader of JSON sees it. */
export class RecordingSink implements AuditSink {
  readonly events: AuditEvent[] = [];
  /** What is wrong with any of them. */
  readonly problems: string[] = [];
  /** Called before each event is kept; an error refuses it. */
  before: (event: AuditEvent) => Promise<void> | void = () => undefined;
  #isWriting = false;
  #kept = 0;

  async write(event: AuditEvent): Promise<void> {
    if (this.#isWriting) this.problems.push('two events at once');
    this.#isWriting = true;
    try {
      await this.before(event);
      this.#keep(event);
    } finally {
      this.#isWriting = false;
    }
  }

  /** What happened, in order: `operation.started`. */
  get kinds(): readonly string[] {
    return this.events.map(whatOf);
  }

  /** The data of the events of one kind, without who did it. */
  dataOf(what: string): readonly Record<string, unknown>[] {
    return this.events.filter((each) => whatOf(each) === what).map(dataIn);
  }

  /** Events up to here are of no interest. */
  forget(): void {
    this.events.length = 0;
  }

  #keep(event: AuditEvent): void {
    const text = JSON.stringify(event);
    const read = JSON.parse(text) as AuditEvent;
    this.events.push(read);
    this.problems.push(...problemsOf(read));
    if (DOCUMENT_KEY.test(text)) this.problems.push(`${whatOf(event)} has the key of a document`);
    this.#kept += 1;
    const sequence = String(this.#kept).padStart(10, '0');
    if (event.sequence !== sequence)
      this.problems.push(`${event.sequence} in place of ${sequence}`);
    secretWatch.emitted.addMessage('the audit trail', event);
  }
}

/** Without who did it. */
export function dataIn({ data }: AuditEvent): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== 'actor'));
}

let made: RecordingSink[] = [];

/** Its events are checked after the test: call {@link checkSinks} in the file. */
export function newSink(): RecordingSink {
  const sink = new RecordingSink();
  made.push(sink);
  return sink;
}

/** After each test: every event fits its schema, has the next number, and holds no secret. */
export function checkSinks(): void {
  afterEach(() => {
    const problems = made.flatMap((each) => each.problems);
    made = [];
    expect(problems).toEqual([]);
  });
}
