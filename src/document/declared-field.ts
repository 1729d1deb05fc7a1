/** A declared path of a document. @module */
import { lengthPrefixed } from '../crypto/encoding.js';

/** A declared path, and its form in the additional data. */
export interface DeclaredField {
  readonly path: string;
  readonly encodedPath: Buffer;
}

export function declaredField(path: string): DeclaredField {
  return { path, encodedPath: lengthPrefixed(path) };
}
