/** The signature of reports. @module */
import { signWebhook, verifyWebhook } from '@bytelyst/field-encrypt/audit';
import type { Seal } from './evidence-schema.js';

type Signed = Omit<Seal, 'signature'>;

export function signatureOf({ sha256, ...seal }: Signed, secrets: readonly string[]): string {
  return signWebhook({ ...seal, body: sha256, secrets });
}

/** Whether one of the secrets made one of the signatures. A report may be old: its time is not compared. */
export function isSignedBy(
  { sha256, signature, ...seal }: Seal,
  secrets: readonly string[],
): boolean {
  return verifyWebhook({ ...seal, body: sha256, signature, secrets, toleranceMs: Infinity });
}
