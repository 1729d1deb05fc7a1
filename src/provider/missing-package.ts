/** Optional peers: with env keys alone, none of them is installed. @module */
import { ConfigurationError } from '../errors/errors.js';

/** Of Node's `import()`; and of `require()`, which bundlers and Jest may make of it. */
const NOT_FOUND: readonly unknown[] = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/** @param name - The package, or how its name begins. */
export function isNotFound(name: string, cause: unknown): boolean {
  const { code, message } = (cause ?? {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
  };
  return NOT_FOUND.includes(code) && String(message).includes(`'${name}`);
}

/** @returns What to throw instead of `cause`; `cause` itself where it says something else. */
export function missingPackage(packageName: string, cause: unknown): unknown {
  if (!isNotFound(packageName, cause)) return cause;
  return notLoaded(`needs the package ${packageName}: run npm install ${packageName}`, cause);
}

/** @param problem - Continues a sentence about the key provider `akv`. */
export function notLoaded(problem: string, cause: unknown): ConfigurationError {
  const variable = 'FIELD_ENCRYPT_KEY_PROVIDER';
  return new ConfigurationError([{ variable, problem: `is "akv", which ${problem}` }], { cause });
}
