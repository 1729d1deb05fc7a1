/** The audit trail that the command left in its file, read without the library. @module */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '@bytelyst/field-encrypt';
import { problemsOf, whatOf } from './audit-schemas.js';

export const TRAIL_FILE = 'audit.jsonl';

/** Of an event that a killed process did not write whole: nothing was done because of it. */
const CUT_OFF = ' (not recorded)';

export interface TrailEvent {
  readonly id: string;
  readonly source: string;
  readonly sequence: string;
  readonly subject: string;
  readonly time: string;
  /** Without the prefix and the version. */
  readonly what: string;
  readonly traceparent?: string;
  readonly data: Readonly<Record<string, unknown>> & {
    readonly actor: { readonly user: string; readonly host: string; readonly ci?: object };
    readonly operation?: TrailOperation;
    readonly earlier?: { readonly operationId?: string };
  };
}

export interface TrailOperation {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly parentId?: string;
}

/** In the order of the file; none where nothing was recorded. */
export function trailIn(folder: string, file: string = TRAIL_FILE): readonly TrailEvent[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(CUT_OFF))
    .map(eventOf);
}

/** @throws Where it does not fit its schema, or is no CloudEvent. */
export function eventOf(line: string): TrailEvent {
  const event = JSON.parse(line) as AuditEvent;
  const problems = problemsOf(event);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return { ...event, what: whatOf(event) } as unknown as TrailEvent;
}

/** What is wrong with a trail as a whole; nothing where it is right. */
export function problemsIn(events: readonly TrailEvent[]): readonly string[] {
  return [...sequenceProblems(events), ...operationProblems(events)];
}

/** Each source counts from 1 on, without a gap; each id is there once. */
function sequenceProblems(events: readonly TrailEvent[]): readonly string[] {
  const next = new Map<string, number>();
  const ids = new Set<string>();
  const problems: string[] = [];
  for (const { id, source, sequence } of events) {
    if (ids.has(id)) problems.push(`The id ${id} is there twice`);
    ids.add(id);
    const expected = (next.get(source) ?? 0) + 1;
    if (Number(sequence) !== expected || sequence.length !== 10)
      problems.push(`${source} has ${sequence} where ${String(expected)} is expected`);
    next.set(source, Number(sequence));
  }
  return problems;
}

const ENDS = ['operation.finished', 'operation.stopped', 'operation.refused', 'operation.failed'];

/** Each start has one end, or a later takeover; and nothing ends that did not start. */
export function operationProblems(events: readonly TrailEvent[]): readonly string[] {
  const open = new Map<string, string>();
  const problems: string[] = [];
  const close = (id: string, by: string): void => {
    if (!open.delete(id)) problems.push(`${by} ends ${id}, which is not open`);
  };
  for (const { what, data } of events) {
    const { operation, earlier } = data;
    if (what === 'operation.started' && operation) open.set(operation.id, operation.name);
    if (ENDS.includes(what) && operation) close(operation.id, what);
    const id = what === 'operation.taken-over' ? earlier?.operationId : undefined;
    if (id !== undefined) close(id, what);
  }
  return [...problems, ...[...open].map(([id, name]) => `${name} ${id} has no end`)];
}

/** The files of trails and spools in a folder: those whose names, or whose folders' names, begin with `audit`. */
export function trailTexts(folder: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.name.startsWith('audit')) continue;
    const path = join(folder, entry.name);
    const files = entry.isDirectory()
      ? readdirSync(path, { withFileTypes: true, recursive: true })
          .filter((each) => each.isFile())
          .map((each) => join(each.parentPath, each.name))
      : [path];
    for (const file of files) texts.set(file, readFileSync(file, 'utf8'));
  }
  return texts;
}
