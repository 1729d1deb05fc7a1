/** Whether the process runs in production. @module */
import type { Environment } from './environment-reader.js';

/** By `NODE_ENV` in the environment itself, not in its prototype. */
export function isProduction(env: Environment): boolean {
  return Object.hasOwn(env, 'NODE_ENV') && env['NODE_ENV'] === 'production';
}
