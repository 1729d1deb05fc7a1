/** Injective encoding of lists: docs/format.md, "Notation". @module */

const LENGTH_BYTES = 4;

/** Each part as its 4-byte big-endian byte length and its bytes; strings are UTF-8. */
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

/** Where the next part goes. */
function writePrefixed(out: Buffer, part: string | Uint8Array, at: number): number {
  const start = at + LENGTH_BYTES;
  let { length } = part;
  if (typeof part === 'string') length = out.write(part, start);
  else out.set(part, start);
  out.writeUInt32BE(length, at);
  return start + length;
}
