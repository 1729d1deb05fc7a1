/** Which of the caller's stores a wrapper of the library stands for. @module */

const origins = new WeakMap<object, object>();

/** To be called by every wrapper that the library puts around a DEK store. */
export function standsFor(wrapper: object, store: object): void {
  origins.set(wrapper, originOf(store));
}

/** The store as the caller passed it in: the same for all wrappers of one. */
export function originOf(store: object): object {
  return origins.get(store) ?? store;
}
