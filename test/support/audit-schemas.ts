/** The published schemas of audit events. @module */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { HTTP } from 'cloudevents';
import type { AuditEvent } from '../../src/index.js';

export const SCHEMA_FOLDER: string = join(import.meta.dirname, '../../docs/audit-schemas');

const ajv = new Ajv2020({ strict: true, allErrors: true });
addFormats.default(ajv);

function readSchema(file: string): object {
  return JSON.parse(readFileSync(join(SCHEMA_FOLDER, file), 'utf8')) as object;
}

/** By what happened: `operation.started`. */
export const auditSchemas: ReadonlyMap<string, object> = new Map(
  readdirSync(SCHEMA_FOLDER).map((file) => [file.replace(/\.v1\.json$/, ''), readSchema(file)]),
);

const validators: ReadonlyMap<string, ValidateFunction> = new Map(
  [...auditSchemas].map(([what, schema]) => [what, ajv.compile(schema)]),
);

export function whatOf({ type }: Pick<AuditEvent, 'type'>): string {
  return type.replace('com.bytelyst.field-encrypt.', '').replace(/\.v1$/, '');
}

/** What is wrong with an event as its receiver gets it: by its schema, and by the official package. */
export function problemsOf(event: AuditEvent): readonly string[] {
  const what = whatOf(event);
  const isValid = validators.get(what);
  if (!isValid) return [`${what} has no schema`];
  isValid(event);
  const problems = (isValid.errors ?? []).map(({ instancePath, message }) => {
    return `${what}${instancePath} ${String(message)}`;
  });
  return [...problems, ...parsingProblems(event)];
}

function parsingProblems(event: AuditEvent): readonly string[] {
  const body = JSON.stringify(event);
  try {
    const parsed = HTTP.toEvent({
      headers: { 'content-type': 'application/cloudevents+json' },
      body,
    });
    const again = JSON.parse(JSON.stringify(parsed)) as AuditEvent;
    const isSame = again.id === event.id && again.sequence === event.sequence;
    return isSame ? [] : [`${whatOf(event)} is another event for the package cloudevents`];
  } catch (error) {
    return [`${whatOf(event)} is refused by the package cloudevents: ${String(error)}`];
  }
}
