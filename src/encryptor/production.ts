/** Whether this is where mistakes are expensive. @module */
import type { Environment } from './environment-reader.js';

/** As `NODE_ENV` says, of the environment itself and not of its prototype. */
export function isProduction(env: Environment): boolean {
  return Object.hasOwn(env, 'NODE_ENV') && env['NODE_ENV'] === 'production';
}
