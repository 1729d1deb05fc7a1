/** Refuses a migration that runs against the switch of its encryption. @module */
import { readEncryption } from '../encryption-parts.js';
import type { MigrationEncryption } from './migration-context.js';

/**
 * With encryption off nothing is sealed, and with it on writers seal again what was opened.
 *
 * @throws RangeError where `enabled` is not as the migration needs it.
 */
export function requireEnabled(
  name: string,
  encryption: MigrationEncryption,
  expected: boolean,
): void {
  const { enabled = true } = readEncryption(encryption);
  if (enabled === expected) return;
  throw new RangeError(
    `${name} expected an encryption with "enabled: ${String(expected)}", as its writers have to have it, got "enabled: ${String(enabled)}"`,
  );
}
