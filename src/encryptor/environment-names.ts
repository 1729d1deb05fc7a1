/** The environment variables that are used, and unused ones with similar names. @module */
import type { Environment } from './environment-reader.js';
import { nearestName } from '../guards/guards.js';

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
  'FIELD_ENCRYPT_RECOVERY_KEY',
  'FIELD_ENCRYPT_MODE',
  'FIELD_ENCRYPT_REQUIRE_BACKFILLED',
  'FIELD_ENCRYPT_CACHE_MAX_ENTRIES',
  'FIELD_ENCRYPT_CACHE_TTL_MS',
  'FIELD_ENCRYPT_MINIMUM_EPOCH',
] as const;

export type VariableName = (typeof VARIABLES)[number];

const PREFIX = 'FIELD_ENCRYPT_';
/** `AZURE_KEYVAULT_URL` is used by other software too, which has variables with similar names. */
const OWN_NAMES: readonly string[] = VARIABLES.filter((name) => name.startsWith(PREFIX));

/** An unused variable, and the one that was probably meant, if any. */
export interface UnreadVariable {
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
