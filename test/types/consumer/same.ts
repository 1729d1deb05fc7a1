/** Compares types without a library, so that every version of TypeScript can compile it. @module */
type Probe<T> = <X>() => X extends T ? 1 : 2;
type Refusal<One, Other> = Probe<One> extends Probe<Other> ? [] : ['The types differ', One, Other];

/** Does not compile where the types differ. */
export function same<One, Other>(...refusal: Refusal<One, Other>): void {
  if (refusal.length > 0) throw new TypeError();
}

/** Does not compile where the value is of another type. */
export function exactly<Expected>() {
  return <Given>(value: Given, ...refusal: Refusal<Given, Expected>): void => {
    if (refusal.length > 0) throw new TypeError(String(value));
  };
}
