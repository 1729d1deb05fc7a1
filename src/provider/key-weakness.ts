/** What shows that a key was not made at random. @module */

const PRINTABLE = { from: 0x20, to: 0x7e };
/** Within text, or to fill it up. */
const FILLERS = new Set([0, 0x09, 0x0a, 0x0d]);
/** A random key has about thirty; so few are less likely than a guess of half the key. */
const FEW_BYTES = 12;

/**
 * Why a key is no random one, in words that give nothing of it away: they follow on its name.
 *
 * @returns `undefined` for what may be random. All but one in 10²⁰ random keys of 32 bytes pass.
 */
export function weaknessOf(bytes: Uint8Array): string | undefined {
  if (new Set(bytes).size <= FEW_BYTES || repeatsItself(bytes) || isSequence(bytes)) {
    return 'is a pattern';
  }
  return bytes.every((byte) => isTextByte(byte)) ? 'is text, as a passphrase is' : undefined;
}

function isTextByte(byte: number): boolean {
  return (byte >= PRINTABLE.from && byte <= PRINTABLE.to) || FILLERS.has(byte);
}

/** One block again and again, the last one cut off where it does not fit. */
function repeatsItself(bytes: Uint8Array): boolean {
  const halves = Array.from({ length: bytes.length / 2 }, (_each, index) => index + 1);
  return halves.some((length) => bytes.every((byte, at) => byte === bytes[at % length]));
}

/** Up or down, by the same step each time; past 255 it goes on at 0. */
function isSequence(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  const step = second - first;
  return bytes.every((byte, at) => byte === modulo256(first + at * step));
}

function modulo256(value: number): number {
  return ((value % 256) + 256) % 256;
}
