/** Documents that decide themselves what is stored of them. @module */

/**
 * A store that serialises calls `toJSON`, and writes what that gives in place of what was sealed.
 *
 * @param forms - The object as it was passed in, and the copy that is stored: a getter may answer twice.
 * @param path - Of a container; the document itself without it.
 * @throws TypeError for a function `toJSON`, own or inherited. One on the prototype of all objects or all
 * arrays is no part of the document.
 */
export function refuseToJson(forms: readonly object[], path?: string): void {
  for (const form of forms) {
    const { toJSON } = form as { readonly toJSON?: unknown };
    if (typeof toJSON !== 'function' || isOfEveryObject(toJSON)) continue;
    const whose = path === undefined ? 'The document' : `The value at "${path}"`;
    throw new TypeError(
      `${whose} has a function "toJSON", which would decide what is stored: pass the plain object that it gives`,
    );
  }
}

function isOfEveryObject(toJSON: unknown): boolean {
  return [Object.prototype, Array.prototype].some(
    (prototype) => (prototype as { readonly toJSON?: unknown }).toJSON === toJSON,
  );
}
