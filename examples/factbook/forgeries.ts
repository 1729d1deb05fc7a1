import {
  isFieldEncryptionError,
  type Envelope,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { note, type EncryptedNote } from './note.js';

export interface Forgery {
  readonly what: string;
  /** Undefined where it was accepted. */
  readonly code: string | undefined;
  readonly isRefused: boolean;
}

/** Tries to read notes that a writer of the database could have forged out of these two. */
export async function forge(
  encryptor: FieldEncryptor,
  mine: EncryptedNote,
  other: EncryptedNote,
): Promise<Forgery[]> {
  const attempts: [string, EncryptedNote][] = [
    ['a ciphertext of another note', { ...mine, title: other.title }],
    ['a ciphertext of another field', { ...mine, title: mine.meta.source }],
    ['a whole note under another key', { ...mine, workspaceId: other.workspaceId, id: other.id }],
    ['a ciphertext with one character changed', { ...mine, title: altered(mine.title) }],
    ['plaintext in place of a ciphertext', { ...mine, title: 'Austria' as unknown as Envelope }],
  ];
  const forgeries: Forgery[] = [];
  for (const [what, forged] of attempts) {
    const code = await encryptor.decryptDocument(note, forged).then(() => undefined, codeOf);
    const expected = what.startsWith('plaintext') ? 'PLAINTEXT_REFUSED' : 'TAMPERED';
    forgeries.push({ what, code, isRefused: code === expected });
  }
  return forgeries;
}

function altered(envelope: Envelope): Envelope {
  const { ct } = envelope;
  const at = Math.floor(ct.length / 2);
  return { ...envelope, ct: ct.slice(0, at) + (ct[at] === 'A' ? 'B' : 'A') + ct.slice(at + 1) };
}

export function codeOf(error: unknown): string {
  return isFieldEncryptionError(error) ? error.code : String(error);
}
