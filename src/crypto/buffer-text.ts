/** Text out of buffers, by the quickest way that the running Node has. @module */

/** Behind `toString`, in every Node so far but not in its documentation. */
interface TextSlices {
  base64urlSlice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
}

// Looked for once, so that a Node without them is slower and not broken.
const hasSlices = ['base64urlSlice', 'utf8Slice'].every((name) => name in Buffer.prototype);

function slicesOf(bytes: Buffer): TextSlices {
  return bytes as unknown as TextSlices;
}

export const base64urlOf: (bytes: Buffer, to: number) => string = hasSlices
  ? (bytes, to) => slicesOf(bytes).base64urlSlice(0, to)
  : (bytes, to) => bytes.toString('base64url', 0, to);

export const utf8From: (bytes: Buffer, from: number) => string = hasSlices
  ? (bytes, from) => slicesOf(bytes).utf8Slice(from, bytes.length)
  : (bytes, from) => bytes.toString('utf8', from);
