/** The environment variables that are read, and those that only look as if they were. @module */
import type { Environment } from './environment-reader.js';
import { nearestName } from '../guards/guards.js';

/** All of them: a name that is not in this list cannot be read. */
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
/** `AZURE_KEYVAULT_URL` is not ours alone, and others have names that are like it. */
const OWN_NAMES: readonly string[] = VARIABLES.filter((name) => name.startsWith(PREFIX));

/** A variable that nothing reads, and the one that it was meant to be, where that can be told. */
export interface UnreadVariable {
  readonly name: string;
  readonly meant: string | undefined;
}

/** Variables with our prefix, or with a name like one of ours, that nothing reads. */
export function unreadVariables(env: Environment): readonly UnreadVariable[] {
  return Object.keys(env)
    .filter((name) => env[name] !== undefined && !VARIABLES.includes(name as VariableName))
    .map((name) => ({ name, meant: nearestName(name, OWN_NAMES) }))
    .filter(({ name, meant }) => meant !== undefined || name.startsWith(PREFIX))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
