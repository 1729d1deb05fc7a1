/** Reads the values of flags, from the command line and from variables. @module */
import * as z from 'zod';
import { DURATION_TEXT, parseDuration } from './durations.js';
import {
  FLAG_NAMES,
  flagOf,
  type FlagName,
  type RawFlags,
  VARIABLE_PREFIX,
  variableOf,
} from './flags.js';
import { MOMENT_TEXT, parseMoment } from './moments.js';
import { suggestion } from './nearest.js';
import { UsageError } from './usage-error.js';

const MOST_ITEMS = 1_000;
const MOST_FAILURES = 1_000_000_000;
const MOST_OPS = 1_000_000;
const MOST_SAMPLE = 100_000;
const MOST_SHARDS = 256;
const HIGHEST_EPOCH = 1_000_000_000;

const on = z.boolean();
const text = z.string().min(1, 'expected a text that is not empty');
const texts = z.array(text).min(1);
const duration = z.string().transform((given, context) => {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  context.addIssue(`expected ${DURATION_TEXT}`);
  return z.NEVER;
});
const moment = z.string().transform((given, context) => {
  const instant = parseMoment(given);
  if (instant !== undefined) return instant;
  context.addIssue(`expected ${MOMENT_TEXT}`);
  return z.NEVER;
});

function integer(least: number, most: number) {
  const problem = `expected a whole number from ${String(least)} to ${String(most)}`;
  return z
    .string()
    .regex(/^(0|[1-9][0-9]{0,15})$/, problem)
    .transform(Number)
    .pipe(z.number().min(least, problem).max(most, problem));
}

function decimal(least: number, most: number) {
  const problem = `expected a number from ${String(least)} to ${String(most)}`;
  return z
    .string()
    .regex(/^[0-9]{1,10}(\.[0-9]{1,10})?$/, problem)
    .transform(Number)
    .pipe(z.number().min(least, problem).max(most, problem));
}

function oneOf<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z.enum(names, `expected ${names.join(', ').replace(/, ([^,]*)$/, ' or $1')}`);
}

const SHARD_TEXT = `expected a part and a count, for example 0/4: the part from 0 on, the count up to ${String(MOST_SHARDS)}`;
const shard = z.string().transform((given, context) => {
  const [, part, of] = /^(0|[1-9][0-9]{0,2})\/([1-9][0-9]{0,2})$/.exec(given) ?? [];
  const [index, count] = [Number(part), Number(of)];
  if (index < count && count <= MOST_SHARDS) return { index, count };
  context.addIssue(SHARD_TEXT);
  return z.NEVER;
});
const mek = z.string().transform((given, context) => {
  const [keyProvider, mekName, mekVersion, ...more] = given.split('/');
  if (keyProvider && mekName && mekVersion && more.length === 0) {
    return { keyProvider, mekName, mekVersion };
  }
  context.addIssue('expected provider/name/version');
  return z.NEVER;
});
const provider = z.string().transform((given, context) => {
  const [keyProvider, mekName, ...more] = given.split('/');
  if (keyProvider && mekName !== '' && more.length === 0) {
    return { keyProvider, ...(mekName !== undefined && { mekName }) };
  }
  context.addIssue('expected the id of a provider, or id/name with the name of its MEK');
  return z.NEVER;
});
const mekVersion = text.regex(
  /^[A-Za-z0-9._-]{1,128}$/,
  'expected 1 to 128 letters, digits, ".", "_" or "-"',
);
const property = z.string().transform((given, context) => {
  const [, name, value] = /^([^=]+)=([^]+)$/.exec(given) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  context.addIssue('expected name=value');
  return z.NEVER;
});

const reportName = text.regex(
  /\.(json|html)$/,
  'expected a file name that ends in .json or .html: the ending says the format of the report',
);

/** By flag: how its text is read. */
export const FLAG_VALUES = {
  mode: text,
  config: text,
  product: text,
  format: oneOf(['table', 'json', 'jsonl']),
  json: on,
  report: z.array(reportName).min(1),
  quiet: on,
  'no-color': on,
  user: text.max(200, 'expected at most 200 characters'),
  'document-keys': on,
  'dry-run': on,
  yes: on,
  concurrency: integer(1, MOST_ITEMS),
  'max-failures': integer(1, MOST_FAILURES),
  'max-vault-ops': decimal(0.01, MOST_OPS),
  'reserve-for-traffic': decimal(0, 0.99),
  shard,
  'key-provider': provider,
  'new-mek-version': mekVersion.refine(
    (given) => given !== 'latest',
    'expected an exact version, and "latest" is none: the key service lists them',
  ),
  'old-mek-version': mekVersion,
  'to-mek-version': mekVersion,
  'mek-version': mekVersion,
  'mek-name': text,
  'take-over': on,
  'verify-wraps': oneOf(['all', 'first', 'none']),
  'verify-flips': on,
  'lost-mek': z.array(mek).min(1),
  'allow-empty': on,
  'allow-unknown': on,
  sample: integer(0, MOST_SAMPLE),
  'open-wraps': on,
  soak: duration,
  'backup-window': duration,
  'rewrapped-before': moment,
  collection: texts,
  stage: oneOf(['opening']),
  'older-than': duration,
  'created-before': moment,
  shred: on,
  'keep-deks': on,
  'from-collection': text,
  'to-collection': text,
  'private-key': text,
  'passphrase-variable': text,
  copy: text,
  from: text,
  'dek-id': texts,
  scope: texts,
  'epoch-seen': integer(0, HIGHEST_EPOCH),
  'shred-again': text,
  'check-documents': on,
  evidence: text,
  confirm: text,
  'document-key': z.array(property).min(1),
  register: on,
  forget: on,
  variable: text,
  file: text,
} as const satisfies Readonly<Record<FlagName, z.ZodType>>;

/** The values of the flags that were passed. */
export type FlagValues = {
  readonly [Name in FlagName]?: z.output<(typeof FLAG_VALUES)[Name]>;
};

/** What was passed, and what it means: both are needed to print the command again. */
export interface ReadFlags {
  readonly raw: RawFlags;
  readonly values: FlagValues;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param raw - From the command line; each wins over its variable.
 * @param known - The flags of the mode. Variables of other flags are ignored: one environment serves all modes.
 * @throws UsageError with every problem.
 */
export function readFlags(
  raw: RawFlags,
  {
    known,
    required,
    env,
  }: {
    readonly known: readonly FlagName[];
    readonly required: readonly FlagName[];
    readonly env: Environment;
  },
): ReadFlags {
  const problems = unknownVariables(env);
  const given: Partial<Record<FlagName, boolean | string | readonly string[]>> = {};
  const values: Partial<Record<FlagName, unknown>> = {};
  for (const name of known) {
    const variable = variableOf(name);
    const found = raw[name] ?? (variable && fromVariable(name, env[variable], problems));
    if (found === undefined) continue;
    given[name] = found;
    const read = FLAG_VALUES[name].safeParse(found);
    if (read.success) values[name] = read.data;
    else problems.push(`${labelOf(name, raw)}: ${read.error.issues[0]?.message ?? 'is invalid'}`);
  }
  for (const name of required) {
    if (given[name] !== undefined) continue;
    problems.push(`--${name} is missing: ${flagOf(name).description}`);
  }
  if (problems.length > 0) throw new UsageError(problems);
  return { raw: given, values: values as FlagValues };
}

/** Where the value came from, as a message names it. */
function labelOf(name: FlagName, raw: RawFlags): string {
  return raw[name] === undefined ? `The variable ${variableOf(name) ?? ''}` : `--${name}`;
}

function fromVariable(
  name: FlagName,
  value: string | undefined,
  problems: string[],
): boolean | string | readonly string[] | undefined {
  if (value === undefined) return undefined;
  const { argument, repeatable } = flagOf(name);
  if (argument !== undefined && value === '') {
    problems.push(
      `The variable ${variableOf(name) ?? ''} is set but empty: set a value or unset it`,
    );
    return undefined;
  }
  if (repeatable) return value.split(',');
  if (argument !== undefined) return value;
  if (value === 'true') return true;
  if (value === 'false') return undefined;
  problems.push(`The variable ${variableOf(name) ?? ''}: expected true or false`);
  return undefined;
}

function unknownVariables(env: Environment): string[] {
  const known = FLAG_NAMES.map(variableOf).filter((name) => name !== undefined);
  return Object.keys(env)
    .filter((name) => name.startsWith(VARIABLE_PREFIX) && !known.includes(name))
    .sort()
    .map((name) =>
      name === `${VARIABLE_PREFIX}YES`
        ? `The variable ${name} does not exist: --yes has to be in the command line`
        : `The variable ${name} does not exist${suggestion(name, known)}`,
    );
}
