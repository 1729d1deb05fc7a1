/** Injective encoding of lists: docs/format.md, "Notation". @module */

/** Each part as its 4-byte big-endian byte length and its bytes; strings are UTF-8. */
export function tuple(...parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map(lengthPrefixed));
}

export function lengthPrefixed(part: string | Uint8Array): Buffer {
  const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
  const out = Buffer.allocUnsafe(4 + bytes.length);
  out.writeUInt32BE(bytes.length, 0);
  out.set(bytes, 4);
  return out;
}
