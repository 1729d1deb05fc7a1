/** Base64url, RFC 4648 §5, and an injective encoding of lists: docs/format.md, "Notation". @module */

export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** Returns the bytes, or `undefined` for any text that {@link encodeBase64url} would not have written. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips junk, truncates wide characters and ignores trailing bits; only encoding again detects it.
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const LENGTH_BYTES = 4;

/** Encodes each part as its 4-byte big-endian byte length and its bytes; strings as UTF-8. */
export function tuple(...parts: readonly (string | Uint8Array)[]): Buffer {
  let length = 0;
  for (const part of parts) length += LENGTH_BYTES + Buffer.byteLength(part);
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) at = writePrefixed(out, part, at);
  return out;
}

export function lengthPrefixed(part: string | Uint8Array): Buffer {
  return tuple(part);
}

/** Returns where the next part begins. */
function writePrefixed(out: Buffer, part: string | Uint8Array, at: number): number {
  const start = at + LENGTH_BYTES;
  let { length } = part;
  if (typeof part === 'string') length = out.write(part, start);
  else out.set(part, start);
  out.writeUInt32BE(length, at);
  return start + length;
}
