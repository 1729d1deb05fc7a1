/** The smallest parts of the schema of the configuration. @module */
import * as z from 'zod';
import type { CodeKind } from './code-values.js';
import { inWords, mismatch, wordsOf } from './schema-messages.js';
import type { PublicKeySettings } from './settings.js';
import type { EnvReference, Text } from './value-reader.js';

/** `code` also accepts objects and functions, which JSON cannot hold. */
export type Format = 'code' | 'json';

/** What a text has to be, in words that follow "must be". */
export interface TextForm {
  readonly pattern: RegExp;
  readonly words: string;
}

export const FORMS = {
  table: {
    pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
    words: 'a name of at most 63 letters, digits and _, no digit first',
  },
  vaultUrl: {
    pattern: /^https:\/\/[^/?#@\s]+\/?$/,
    words: 'https:// and a host, without path or query',
  },
  endpoint: {
    pattern: /^https:\/\/[^/?#@\s]+\/?$/,
    words: 'the address of the account, https:// and a host',
  },
  auditUrl: {
    pattern: /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])[^\s#@]+$/,
    words: 'an address with https://; http:// only of this machine',
  },
  mekName: {
    pattern: /^[0-9A-Za-z-]{1,127}$/,
    words: 'letters, digits and dashes, without a version',
  },
  mekVersion: { pattern: /^[0-9a-f]{32}$/, words: '32 lowercase hex digits' },
} as const satisfies Readonly<Record<string, TextForm>>;

const REFERENCE = '{ "env": "NAME" }';
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HEX_KEY = /^[0-9a-fA-F]{64}$/;
const BASE64_KEY = /^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9_+/-]{43}=?$/;

/** Whether a text has the form of a key of 32 bytes, or of a PEM. */
export function looksLikeKey(text: string): boolean {
  return HEX_KEY.test(text) || BASE64_KEY.test(text) || text.includes('-----BEGIN');
}

const NAME_WORDS = 'the name of an environment variable';

const variableName = z
  .string({ error: ({ input }) => mismatch(NAME_WORDS, input) })
  .regex(VARIABLE, { error: `must be ${NAME_WORDS}`, abort: true })
  .refine((name) => !looksLikeKey(name), { error: `must be ${NAME_WORDS}, not a key` })
  .describe('The name of the environment variable.');

/** Its problems quote no name: a key may be in the place of one. */
function referenceOr(problem: (input: unknown) => string): z.ZodType<EnvReference> {
  return z.strictObject({ env: variableName }, { error: ({ input }) => problem(input) });
}

export const NAME = z.string().min(1);

export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): z.ZodInt {
  return z.int().min(least).max(most);
}

export function text(description: string, form?: TextForm): z.ZodType<Text> {
  const words = (input: unknown): string => mismatch(`text, or ${REFERENCE}`, input);
  const plain = z.string().min(1);
  const formed = form ? plain.regex(form.pattern, { error: `must be ${form.words}` }) : plain;
  return z
    .union([formed, referenceOr(words)], {
      error: ({ input }) => (input === '' ? 'may not be empty' : words(input)),
    })
    .describe(description);
}

/** A key: never in the file. */
export function secret(description: string): z.ZodType<EnvReference> {
  const problem = (input: unknown): string =>
    typeof input === 'string'
      ? `a key may not be in the configuration: put it in an environment variable, and write ${REFERENCE}`
      : mismatch(`${REFERENCE}, the variable that holds the key`, input);
  return referenceOr(problem).describe(description);
}

/** A public key is no secret, but long; a private one in its place must not be quoted. */
export function publicKey(description: string): z.ZodType<PublicKeySettings> {
  const words = `${REFERENCE} or { "file": "FILE" }, where the PEM of the public key is`;
  const file = z.strictObject({ file: NAME }, { error: ({ input }) => mismatch(words, input) });
  return z
    .union([referenceOr((input) => mismatch(words, input)), file], {
      error: ({ input }) => mismatch(words, input),
    })
    .describe(description);
}

/** @returns In code, a schema that also accepts such an object. */
export function orCode<Plain, Code>(
  format: Format,
  plain: z.ZodType<Plain>,
  kind: CodeKind<Code>,
): z.ZodType<Code | Plain> {
  if (format === 'json') return plain;
  return z.unknown().transform((value, context) => {
    if (kind.is(value)) return value;
    if (isInstance(value)) {
      context.addIssue(`expected settings, or ${kind.words}`);
      return z.NEVER;
    }
    const parsed = plain.safeParse(value, { error: wordsOf });
    if (parsed.success) return parsed.data;
    for (const { message, path } of parsed.error.issues) {
      context.addIssue({ code: 'custom', message, path: [...path] });
    }
    return z.NEVER;
  });
}

export function onlyCode<Code>(kind: CodeKind<Code>): z.ZodType<Code> {
  return z.custom<Code>((value) => kind.is(value), {
    error: ({ input }) => mismatch(kind.words, input),
  });
}

/** @returns The properties in code, and none in JSON; each of them is optional. */
export function inCode<Shape extends Readonly<Record<string, z.ZodOptional>>>(
  format: Format,
  shape: Shape,
): Shape {
  return format === 'code' ? shape : ({} as Shape);
}

type ErrorOf = (issue: { readonly code: string; readonly input?: unknown }) => string | undefined;

/** The problem of settings whose `type` is none of these. */
export function wrongType(types: readonly string[]): ErrorOf {
  const expected = inWords(types);
  return ({ code, input }) => {
    if (code !== 'invalid_union') return undefined;
    const { type } = input as { readonly type?: unknown };
    return typeof type === 'string' ? `must be ${expected}` : mismatch(expected, type);
  };
}

/** An object of a class, or with methods. */
function isInstance(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype !== Object.prototype && prototype !== null;
}
