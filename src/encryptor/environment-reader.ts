/** Reads environment variables one by one and collects every problem with them. @module */
import { ConfigurationError, type ConfigurationProblem } from '../errors/errors.js';

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
