/** What is wrong with MEK versions under which no row opens, and what cures it. @module */
import { FieldEncryptionError, isFieldEncryptionError } from '../errors/errors.js';
import { describeMek, type MekReference } from '../format/dek-row.js';
import type { RotationContext } from './rewrap-all-deks.js';

/** A MEK version that a rotation has to leave. */
export interface Source {
  readonly mek: MekReference;
  rows: number;
  broken: number;
  state: 'open' | 'unknown' | 'unusable';
  failure?: unknown;
}

/** Names each version. */
export function mekUnusable(
  context: RotationContext,
  sources: readonly Source[],
): FieldEncryptionError {
  const lines = sources.map(({ mek, rows, failure }) => {
    const code = isFieldEncryptionError(failure) ? failure.code : 'OTHER';
    const remedy = remedyFor(context, mek, failure);
    return `\n- ${describeMek(mek)} (rows: ${String(rows)}, ${code}): ${remedy}`;
  });
  return new FieldEncryptionError(
    'MEK_UNUSABLE',
    `The rotation of the product "${context.product}" did not begin, because no DEK row opens under:${lines.join('')}\nA version that is lost for good has to be named in "withoutOpening"`,
    { cause: sources[0]?.failure },
  );
}

function remedyFor({ providers }: RotationContext, mek: MekReference, failure: unknown): string {
  const code = isFieldEncryptionError(failure) ? failure.code : undefined;
  switch (code) {
    case 'KEY_PROVIDER_NOT_CONFIGURED':
      return 'add its provider to "keyProviders"';
    case 'MEK_VERSION_UNKNOWN':
      return providers.find(mek).localMeks?.length
        ? 'add its key to FIELD_ENCRYPT_PREVIOUS_KEYS, which is "previousKeys" of EnvKeyProvider'
        : 'recover the version in its key service, or correct the name of the key';
    case 'MEK_DISABLED':
      return 'enable the version';
    case 'KEY_PROVIDER_DENIED':
      return 'allow this process to unwrap with it';
    case 'TAMPERED':
      return 'its key is not the one that wrapped them, or they were altered: configure that key, or restore them';
    default:
      return 'see "cause"';
  }
}
