/** The secrets that reports are signed with. @module */
import { signWebhook } from '@bytelyst/field-encrypt/audit';
import type { LoadedConfig } from './config-file.js';
import { ValueReader } from './value-reader.js';

const PATH = 'reportSecrets';
/** The new one, and the one before it. */
const MOST_SECRETS = 2;

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
      `${subject} must hold whsec_ and 24 to 64 bytes as base64, or two of these separated by a comma`,
    );
  }
  reader.finish();
  return secrets;
}

/** As the library takes it. */
function isSecret(text: string): boolean {
  try {
    signWebhook({ secrets: [text], id: 'check', timestamp: 0, body: '' });
    return true;
  } catch {
    return false;
  }
}
