/** Detects keys that were not generated at random. @module */

const PRINTABLE = { from: 0x20, to: 0x7e };
/** Bytes that separate words of a text, or pad it. */
const FILLERS = new Set([0, 0x09, 0x0a, 0x0d]);
/**
 * A random key of 32 bytes has about thirty different bytes. This few are less likely than a correct guess of
 * half the key.
 */
const FEW_BYTES = 12;

/**
 * Returns why a key is not random, in words that follow its name and reveal nothing of it.
 *
 * @returns `undefined` for a key that may be random. All but one in 10²⁰ random keys of 32 bytes pass.
 */
export function weaknessOf(bytes: Uint8Array): string | undefined {
  if (new Set(bytes).size <= FEW_BYTES || repeatsItself(bytes) || isSequence(bytes)) {
    return 'is a pattern';
  }
  return bytes.every((byte) => isTextByte(byte)) ? 'is text, such as a passphrase' : undefined;
}

function isTextByte(byte: number): boolean {
  return (byte >= PRINTABLE.from && byte <= PRINTABLE.to) || FILLERS.has(byte);
}

/** One block repeated, the last one truncated where it does not fit. */
function repeatsItself(bytes: Uint8Array): boolean {
  const halves = Array.from({ length: bytes.length / 2 }, (_each, index) => index + 1);
  return halves.some((length) => bytes.every((byte, at) => byte === bytes[at % length]));
}

/** Rises or falls by the same step each time, modulo 256. */
function isSequence(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  const step = second - first;
  return bytes.every((byte, at) => byte === modulo256(first + at * step));
}

function modulo256(value: number): number {
  return ((value % 256) + 256) % 256;
}
