/** Recognises errors of this library, whichever copy of the package made them. @module */
import { isNativeError } from 'node:util/types';

/** All copies and versions that a process has loaded find the same symbol. */
const BRAND = Symbol.for('@bytelyst/field-encrypt/error');

/** The form of a code. Codes are published, so a text that could hold anything is none. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/;

interface Branded {
  readonly [BRAND]: string;
}

/** @param name - A class keeps its name in every version. */
export function brandClass({ prototype }: { readonly prototype: object }, name: string): void {
  Object.defineProperty(prototype, BRAND, { value: name });
}

/** What `instanceof` answers for a branded class, and for a class that an application derives from it. */
export function isInstanceOf(
  { prototype }: { readonly prototype: object },
  value: unknown,
): boolean {
  // A derived class inherits this function, and must not claim the errors of its base.
  if (!isOwnBrand(prototype))
    return Object.prototype.isPrototypeOf.call(prototype, value as object);
  if (!isBranded(value)) return false;
  const isBase = !(BRAND in (Object.getPrototypeOf(prototype) as object));
  return isBase || value[BRAND] === prototype[BRAND];
}

/**
 * An error that was thrown by an adapter may hold anything: what has the brand must have the form too.
 * A store that forges the brand gains nothing, since it could throw the real class.
 */
function isBranded(value: unknown): value is Branded {
  if (!isNativeError(value)) return false;
  const {
    [BRAND]: name,
    code,
    retryable,
  } = value as Error & Partial<Record<string | symbol, unknown>>;
  if (typeof name !== 'string' || typeof retryable !== 'boolean') return false;
  return typeof code === 'string' && CODE.test(code);
}

function isOwnBrand(prototype: object): prototype is Branded {
  return Object.hasOwn(prototype, BRAND);
}
