/** What is wrong with a configuration, in words that quote no value. @module */
import type * as z from 'zod';
import { suggestion } from '../command-line/nearest.js';
import { ONLY_IN_CODE } from './code-values.js';
import { at } from './value-reader.js';

type RawIssue = z.core.$ZodRawIssue;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** The words of an issue; several lines for several unknown keys. */
export function wordsOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.expected === 'int' && typeof issue.input === 'number') {
        return 'must be a whole number';
      }
      return mismatch(TYPES[issue.expected] ?? issue.expected, issue.input);
    case 'unrecognized_keys': {
      const known = knownKeys(issue.inst);
      return issue.keys.map((key) => unknownKey(key, known)).join('\n');
    }
    case 'invalid_value':
      return typeof issue.input === 'string'
        ? `must be ${inWords(issue.values)}`
        : mismatch(inWords(issue.values), issue.input);
    case 'too_small':
      if (issue.origin !== 'number') return 'may not be empty';
      return issue.inclusive === false
        ? `must be more than ${String(issue.minimum)}`
        : `must be ${String(issue.minimum)} or more`;
    case 'too_big':
      return issue.origin === 'number' ? `must be ${String(issue.maximum)} or less` : 'is too long';
    case 'invalid_key':
      return 'has a name that is empty';
    default:
      return undefined;
  }
}

/** @param expected - What belongs here. */
export function mismatch(expected: string, value: unknown): string {
  if (value === undefined) return `is missing: expected ${expected}`;
  return `expected ${expected}, got ${typeInWords(value)}`;
}

/** @returns Each problem with its path. */
export function problemsIn({ issues }: z.ZodError): readonly string[] {
  return issues.flatMap(({ path, message }) =>
    message.split('\n').map((line) => lineOf(at('', ...path), line)),
  );
}

function lineOf(path: string, words: string): string {
  return `${path === '' ? 'the configuration' : path}: ${words}`;
}

/** `"a"`, `"a" or "b"`. */
export function inWords(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ');
}

function unknownKey(key: string, known: readonly string[]): string {
  if (ONLY_IN_CODE.includes(key)) return `"${key}" needs a configuration in code, .ts or .mjs`;
  const meant = suggestion(key, known);
  return `unknown key "${key}"${meant || `; known are ${known.join(', ')}`}`;
}

function knownKeys(inst: RawIssue['inst']): readonly string[] {
  const { shape } = (inst as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def ?? {};
  return Object.keys(shape ?? {});
}

function typeInWords(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
