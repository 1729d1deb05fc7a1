import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditSchemas, problemsOf } from '../support/audit-schemas.js';
import { auditEvent } from '../support/audit-events.js';

const ROOT = join(import.meta.dirname, '../..');

/** What the source says that there is. */
const [, UNION = ''] =
  /export type AuditWhat =([^;]*);/.exec(
    readFileSync(join(ROOT, 'src/audit/audit-event.ts'), 'utf8'),
  ) ?? [];
const KINDS = [...UNION.matchAll(/'([a-z.-]+)'/g)].map(([, what = '']) => what);

interface Schema {
  readonly title: string;
  readonly description: string;
  readonly additionalProperties: boolean;
  readonly properties: { readonly data: Schema; readonly actor: Schema } & Record<string, unknown>;
}

function schemaOf(what: string): Schema {
  return auditSchemas.get(what) as Schema;
}

/** What all events have alike. */
function attributesOf(what: string): object {
  const { properties } = schemaOf(what);
  const own = Object.entries(properties).filter(([name]) => name !== 'data' && name !== 'type');
  return Object.fromEntries(own);
}

/** Every part with properties. */
function objectsIn(schema: unknown): readonly object[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'description' in schema && 'properties' in schema ? [schema] : [];
  return [...own, ...Object.values(schema).flatMap(objectsIn)];
}

describe('the schemas of audit events', () => {
  it('are one for each type', () => {
    expect(KINDS.length).toBeGreaterThan(10);
    expect([...auditSchemas.keys()].sort()).toEqual([...KINDS].sort());
  });

  it('are described, and let no other property through', () => {
    for (const what of KINDS) {
      expect(schemaOf(what)).toMatchObject({
        title: expect.stringMatching(/./) as string,
        description: expect.stringMatching(/\.$/) as string,
        properties: { type: { const: `com.bytelyst.field-encrypt.${what}.v1` } },
      });
      for (const each of objectsIn(schemaOf(what))) {
        expect(each).toMatchObject({ type: 'object', additionalProperties: false });
      }
    }
  });

  it('are alike in what all events have', () => {
    const [first = ''] = KINDS;
    for (const what of KINDS) {
      expect(attributesOf(what)).toEqual(attributesOf(first));
      expect(schemaOf(what).properties.data.properties.actor).toEqual(
        schemaOf(first).properties.data.properties.actor,
      );
    }
  });

  it('are named in the documentation', () => {
    const page = readFileSync(join(ROOT, 'docs/audit.md'), 'utf8');
    expect(KINDS.filter((what) => !page.includes(`\`${what}\``))).toEqual([]);
  });

  it('refuse what is not declared', () => {
    const event = auditEvent(1, { facts: { errorCode: 'TAMPERED', value: 'text' } });
    expect(problemsOf(event).length).toBeGreaterThan(0);
  });
});
