/** base64url without padding (RFC 4648 §5), canonical only. @module */

export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** The bytes, or `undefined` for anything that {@link encodeBase64url} would not have written. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips junk, cuts wide characters and ignores trailing bits; only writing it again tells.
  return bytes.toString('base64url') === text ? bytes : undefined;
}
