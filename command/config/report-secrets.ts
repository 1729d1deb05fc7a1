/** The secrets that reports are signed with. @module */
import type { LoadedConfig } from './config-file.js';
import { ValueReader } from './value-reader.js';

const PATH = 'reportSecrets';
/** The new one, and the one before it. */
const MOST_SECRETS = 2;
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/**
 * @returns None where none are configured.
 * @throws UsageError where the variable is not set, or holds something else; no secret is quoted.
 */
export function reportSecretsOf({ env, settings }: LoadedConfig): readonly string[] {
  const { reportSecrets } = settings;
  if (reportSecrets === undefined) return [];
  const reader = new ValueReader(env);
  const text = reader.text(PATH, reportSecrets);
  reader.finish();
  const secrets = text.split(',').map((each) => each.trim());
  const subject = `the variable ${reportSecrets.env}`;
  if (secrets.length > MOST_SECRETS) {
    reader.report(
      PATH,
      `${subject} holds ${String(secrets.length)} secrets: leave the new one and the one before it`,
    );
  } else if (!secrets.every(isSecret)) {
    reader.report(
      PATH,
      `${subject} must hold whsec_ and ${String(LEAST_BYTES)} to ${String(MOST_BYTES)} bytes as base64, or two of these separated by a comma`,
    );
  }
  reader.finish();
  return secrets;
}

function isSecret(text: string): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (base64 === undefined) return false;
  const bytes = Buffer.from(base64, 'base64');
  const isCanonical = bytes.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  return isCanonical && bytes.length >= LEAST_BYTES && bytes.length <= MOST_BYTES;
}
