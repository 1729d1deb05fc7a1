/** JSON in the one form of RFC 8785, so that its bytes can be authenticated. @module */
import { describeType, isPlainObject } from '../guards/guards.js';

// Deeper than any record is, and far from where recursion would end: what a database holds may be anything.
const MOST_DEPTH = 64;

/** @throws TypeError for what JSON cannot hold in one way alone; the message gives nothing of it away. */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

function textOf(value: unknown, depth: number): string {
  if (depth > MOST_DEPTH) throw new TypeError('Canonical JSON ends at 64 levels of nesting');
  if (typeof value === 'string') return stringText(value);
  // As ECMAScript writes them, which is what the RFC asks for.
  if (isLiteral(value)) return JSON.stringify(value);
  if (Array.isArray(value))
    return `[${Array.from(value, (each) => textOf(each, depth + 1)).join()}]`;
  if (isPlainObject(value)) return objectText(value, depth);
  throw new TypeError(`Canonical JSON cannot hold ${describeType(value)}`);
}

/** Names in the order of their UTF-16 code units, which is that of `sort`. */
function objectText(value: Readonly<Record<string, unknown>>, depth: number): string {
  const names = Object.keys(value).sort();
  const members = names.map((name) => `${stringText(name)}:${textOf(value[name], depth + 1)}`);
  return `{${members.join()}}`;
}

function stringText(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  throw new TypeError('Canonical JSON cannot hold a lone surrogate');
}

function isLiteral(value: unknown): value is boolean | number | null {
  return value === null || typeof value === 'boolean' || Number.isFinite(value);
}
