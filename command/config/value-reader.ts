/** Reads values of the configuration, and the variables that they name. @module */
import type { Environment } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';

/** Names the environment variable that holds a value. */
export interface EnvReference {
  readonly env: string;
}

/** Text that may be in the file or in a variable. */
export type Text = EnvReference | string;

const PLAIN_NAME = /^[A-Za-z_$][\w$-]*$/;

/** @returns The path of a part: `products.notelett.providers[0].vaultUrl`. */
export function at(path: string, ...parts: readonly PropertyKey[]): string {
  return parts.reduce<string>((whole, part) => {
    if (typeof part === 'number') return `${whole}[${String(part)}]`;
    const name = String(part);
    if (!PLAIN_NAME.test(name)) return `${whole}[${JSON.stringify(name)}]`;
    return whole === '' ? name : `${whole}.${name}`;
  }, path);
}

export function isReference(value: unknown): value is EnvReference {
  return typeof value === 'object' && value !== null && typeof own(value, 'env') === 'string';
}

/** Collects all problems, so that they are fixed in one go. */
export class ValueReader {
  readonly #env: Environment;
  readonly #problems: string[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  /** @returns An empty text after a problem: call {@link finish} before it is used. */
  text(path: string, value: Text): string {
    if (typeof value === 'string') return value;
    return this.#variable(path, value.env) ?? '';
  }

  optionalText(path: string, value: Text | undefined): string | undefined {
    return value === undefined ? undefined : this.text(path, value);
  }

  /** Keys in one variable, separated by commas; none where it is not set, as before the first rotation. */
  list(path: string, value: EnvReference | undefined): readonly string[] {
    if (value === undefined || own(this.#env, value.env) === undefined) return [];
    return this.#variable(path, value.env)?.split(',') ?? [];
  }

  /** @param problem - Continues the path, and quotes no value. */
  report(path: string, problem: string): void {
    this.#problems.push(`${path}: ${problem}`);
  }

  /** @throws UsageError with every problem so far. */
  finish(): void {
    if (this.#problems.length > 0) throw new UsageError(this.#problems);
  }

  #variable(path: string, name: string): string | undefined {
    const text = own(this.#env, name) as string | undefined;
    if (text === undefined) this.report(path, `the variable ${name} is not set`);
    else if (text === '') this.report(path, `the variable ${name} is set but empty`);
    else return text;
    return undefined;
  }
}

/** @returns Where a text came from, in words: its value may be a secret by mistake. */
export function sourceOf(value: Text): string {
  return typeof value === 'string' ? 'this text' : `the variable ${value.env}`;
}

/**
 * Creates a part of the library, whose errors name an option and quote no value.
 *
 * @param names - What is at fault by the name of the option, where that is not the option of the same name.
 * @throws UsageError in place of a TypeError, RangeError or ConfigurationError.
 */
export function createdAt<T>(
  path: string,
  create: () => T,
  names: Readonly<Record<string, string>> = {},
): T {
  try {
    return create();
  } catch (error) {
    throw usageErrorOf(path, error, names);
  }
}

const OPTION = /^"([A-Za-z]+)(?:\[([0-9]+)\])?" /;

function usageErrorOf(
  path: string,
  error: unknown,
  names: Readonly<Record<string, string>>,
): unknown {
  if (!isMisuse(error)) return error;
  const [start, option = '', index] = OPTION.exec(error.message) ?? [];
  if (start === undefined) return new UsageError(`${path}: ${error.message}`);
  const name = names[option];
  const entry = index === undefined ? '' : `entry ${String(Number(index) + 1)} of `;
  const subject = name === undefined ? '' : `${entry}${name} `;
  return new UsageError(`${at(path, option)}: ${subject}${error.message.slice(start.length)}`);
}

function isMisuse(error: unknown): error is Error {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return error instanceof Error && error.name === 'ConfigurationError';
}

function own(holder: object, name: string): unknown {
  return Object.hasOwn(holder, name) ? (holder as Record<string, unknown>)[name] : undefined;
}
