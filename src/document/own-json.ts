/** Refuses documents that determine their own stored form. @module */

/**
 * A store that serialises calls `toJSON`, and writes its result in place of what was sealed.
 *
 * @param forms - The object as it was passed in, and the copy that is stored: a getter may return different
 *   values.
 * @param path - The path of a container; absent for the document itself.
 * @throws TypeError for a function `toJSON`, own or inherited. A function on the prototype of all objects or
 *   all arrays is not part of the document.
 */
export function refuseToJson(forms: readonly object[], path?: string): void {
  for (const form of forms) {
    const { toJSON } = form as { readonly toJSON?: unknown };
    if (typeof toJSON !== 'function' || isOfEveryObject(toJSON)) continue;
    const whose = path === undefined ? 'The document' : `The value at "${path}"`;
    throw new TypeError(
      `${whose} has a function "toJSON", which would decide what is stored: pass the plain object that it returns`,
    );
  }
}

function isOfEveryObject(toJSON: unknown): boolean {
  return [Object.prototype, Array.prototype].some(
    (prototype) => (prototype as { readonly toJSON?: unknown }).toJSON === toJSON,
  );
}
