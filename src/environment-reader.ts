/** Reads environment variables one by one and collects everything wrong with them. @module */
import { ConfigurationError, type ConfigurationProblem } from './errors.js';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

export class EnvironmentReader {
  readonly #env: Environment;
  readonly #problems: ConfigurationProblem[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  isSet(variable: string): boolean {
    return this.#env[variable] !== undefined;
  }

  /** The text of a variable, or `undefined` where it is not set. Set but empty is a mistake. */
  optional(variable: string): string | undefined {
    const text = this.#env[variable];
    if (text === undefined) return undefined;
    if (text !== '') return text;
    this.report(variable, 'is set but empty: give it a value or unset it');
    return undefined;
  }

  required(variable: string, what: string): string | undefined {
    if (this.#env[variable] === undefined) this.report(variable, `is not set: it must be ${what}`);
    return this.optional(variable);
  }

  oneOf<const T extends string>(
    variable: string,
    allowed: readonly T[],
    isRequired: boolean,
  ): T | undefined {
    const what = allowed.map((each) => `"${each}"`).join(' or ');
    const text = isRequired ? this.required(variable, what) : this.optional(variable);
    const found = allowed.find((each) => each === text);
    if (text !== undefined && found === undefined) this.report(variable, `must be ${what}`);
    return found;
  }

  integer(variable: string, least: number, most: number): number | undefined {
    const text = this.optional(variable);
    if (text === undefined) return undefined;
    const value = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    this.report(variable, `must be a whole number from ${String(least)} to ${String(most)}`);
    return undefined;
  }

  /** @param problem - Continues a sentence that the variable's name begins; never holds its value. */
  report(variable: string, problem: string): void {
    this.#problems.push({ variable, problem });
  }

  /** @throws ConfigurationError with every problem reported so far. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems);
  }
}
