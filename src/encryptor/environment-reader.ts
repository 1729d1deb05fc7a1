/** Reads environment variables one by one and collects every problem with them. @module */
import { ConfigurationError, type ConfigurationProblem } from '../errors/errors.js';
import { nearestName } from '../guards/guards.js';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that the code passes instead of a variable. */
export interface PassedVariable {
  /** Name of the option. */
  readonly option: string;
  readonly text: string;
}

/** @typeParam Name - The names of all variables. */
export class EnvironmentReader<Name extends string = string> {
  readonly #env: Environment;
  readonly #passed: ReadonlyMap<string, PassedVariable>;
  readonly #problems: ConfigurationProblem[] = [];

  constructor(env: Environment, passed?: Readonly<Partial<Record<Name, PassedVariable>>>) {
    this.#env = env;
    this.#passed = new Map(Object.entries<PassedVariable>({ ...passed }));
    for (const [variable, { option }] of this.#passed) {
      if (this.#own(variable) === undefined) continue;
      this.report(variable, `is set, and "${option}" is passed too: keep one of them`);
    }
  }

  isSet(variable: Name): boolean {
    return this.#text(variable) !== undefined;
  }

  /** The text of a variable, or `undefined` where it is not set. An empty value is a mistake. */
  optional(variable: Name): string | undefined {
    const text = this.#text(variable);
    if (text === undefined) return undefined;
    if (text !== '') return text;
    this.report(variable, 'is set but empty: set a value or unset it');
    return undefined;
  }

  required(variable: Name, what: string): string | undefined {
    if (!this.isSet(variable)) this.report(variable, `is not set: it must be ${what}`);
    return this.optional(variable);
  }

  oneOf<const T extends string>(
    variable: Name,
    allowed: readonly T[],
    isRequired: boolean,
  ): T | undefined {
    const what = allowed.map((each) => `"${each}"`).join(' or ');
    const text = isRequired ? this.required(variable, what) : this.optional(variable);
    const found = allowed.find((each) => each === text);
    if (text !== undefined && found === undefined) this.report(variable, `must be ${what}`);
    return found;
  }

  integer(variable: Name, least: number, most: number): number | undefined {
    const text = this.optional(variable);
    if (text === undefined) return undefined;
    const value = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    this.report(variable, `must be a whole number from ${String(least)} to ${String(most)}`);
    return undefined;
  }

  /** @param problem - Continues a sentence that begins with the variable's name; never holds its value. */
  report(variable: string, problem: string): void {
    const passed = this.#passed.get(variable);
    const isOfOption = passed !== undefined && this.#own(variable) === undefined;
    this.#problems.push({ variable: isOfOption ? passed.option : variable, problem });
  }

  /** @throws ConfigurationError with every problem reported so far. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems);
  }

  #text(variable: Name): string | undefined {
    return this.#passed.get(variable)?.text ?? this.#own(variable);
  }

  /** From the environment itself: properties of its prototype do not count as set. */
  #own(variable: string): string | undefined {
    return Object.hasOwn(this.#env, variable) ? this.#env[variable] : undefined;
  }
}

/** By `NODE_ENV` in the environment itself, not in its prototype. */
export function isProduction(env: Environment): boolean {
  return Object.hasOwn(env, 'NODE_ENV') && env['NODE_ENV'] === 'production';
}

/** All of them: a variable that is not in this list cannot be read. */
export const VARIABLES = [
  'FIELD_ENCRYPT_ENABLED',
  'FIELD_ENCRYPT_PRODUCT',
  'FIELD_ENCRYPT_KEY_PROVIDER',
  'FIELD_ENCRYPT_KEY',
  'FIELD_ENCRYPT_PREVIOUS_KEYS',
  'FIELD_ENCRYPT_RECORD_KEY',
  'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS',
  'AZURE_KEYVAULT_URL',
  'FIELD_ENCRYPT_MEK_NAME',
  'FIELD_ENCRYPT_MEK_VERSION',
  'FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS',
  'FIELD_ENCRYPT_RECOVERY_KEY',
  'FIELD_ENCRYPT_MODE',
  'FIELD_ENCRYPT_REQUIRE_BACKFILLED',
  'FIELD_ENCRYPT_CACHE_MAX_ENTRIES',
  'FIELD_ENCRYPT_CACHE_TTL_MS',
  'FIELD_ENCRYPT_MINIMUM_EPOCH',
  'FIELD_ENCRYPT_FENCE_TTL_MS',
] as const;

export type VariableName = (typeof VARIABLES)[number];

const PREFIX = 'FIELD_ENCRYPT_';
/** `AZURE_KEYVAULT_URL` is used by other software too, which has variables with similar names. */
const OWN_NAMES: readonly string[] = VARIABLES.filter((name) => name.startsWith(PREFIX));

/** An unused variable, and the one that was probably meant, if any. */
interface UnreadVariable {
  readonly name: string;
  readonly meant: string | undefined;
}

/** Unused variables with our prefix, or with a name similar to one of ours. */
export function unreadVariables(env: Environment): readonly UnreadVariable[] {
  return Object.keys(env)
    .filter((name) => env[name] !== undefined && !VARIABLES.includes(name as VariableName))
    .map((name) => ({ name, meant: nearestName(name, OWN_NAMES) }))
    .filter(({ name, meant }) => meant !== undefined || name.startsWith(PREFIX))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
