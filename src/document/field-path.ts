/** The paths and key properties that a document type offers. @module */
export type Primitive = boolean | null | number | string | undefined;
type Callable = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);
type Reserved = '.' | '[' | ']' | '{' | '}' | '*' | '#';
/** Limits the recursion into types that contain themselves. */
type Shallower = [never, 0, 1, 2, 3, 4, 5];
/** For a path of seven names. */
type Deepest = 6;

/**
 * Names that a type declares. An index signature accepts every name, including misspelt ones, so it declares
 * none; `any` declares none either. For a union, the names that every member has.
 */
export type DeclaredName<T> = 0 extends 1 & T
  ? never
  : keyof { [K in keyof T as IsIndexSignature<K> extends true ? never : K]-?: T[K] } & string;

/** A property that may be absent satisfies an index signature, but no declared property. */
export type IsIndexSignature<K> = K extends PropertyKey
  ? Partial<Record<K, unknown>> extends Record<K, unknown>
    ? true
    : false
  : never;

/**
 * `true` for a type of which some value is nothing that JSON can hold; `never` for any other. A type that has
 * a method is one of a class: `Date`, `Map`, `Uint8Array`.
 */
type NoJson<V, Depth extends number = Deepest> = 0 extends 1 & V
  ? never
  : [Depth] extends [never]
    ? never
    : V extends Primitive
      ? never
      : V extends Callable | bigint | symbol
        ? true
        : V extends readonly (infer E)[]
          ? NoJson<E, Shallower[Depth]>
          : { [K in DeclaredName<V> & keyof V]: NoJson<V[K], Shallower[Depth]> }[DeclaredName<V> &
              keyof V];

/** `true` for a type with a method: no object of it is plain. */
export type IsInstance<V> = true extends {
  [K in DeclaredName<V> & keyof V]: NonNullable<V[K]> extends Callable ? true : never;
}[DeclaredName<V> & keyof V]
  ? true
  : false;

/**
 * Every path that can be declared for a document type, up to seven names deep: those whose values JSON can
 * hold. A `Date`, a bigint, a `Map`, a function or an object with methods has none, and neither has a
 * container that may hold one.
 */
export type FieldPath<T> = PathsOf<T, Deepest, Json>;

/** Which values a path may have. */
type Json = 'json';
type Anything = 'anything';

type PathsOf<T, Depth extends number, Values> = [Depth] extends [never]
  ? never
  : T extends Primitive | bigint | symbol
    ? never
    : {
        [K in DeclaredName<T> & keyof T]: K extends `${string}${Reserved}${string}`
          ? never
          : PathFrom<NonNullable<T[K]>, K, Depth, Values>;
      }[DeclaredName<T> & keyof T];

type PathFrom<V, K extends string, Depth extends number, Values> =
  PathInto<V, K, Depth, Values> | PathTo<V, K, Depth, Values>;

/** Bytes are sealed as bytes, but only where they are the whole value. */
type PathTo<V, Path extends string, Depth extends number, Values> = Values extends Anything
  ? Path
  : [NoJson<Exclude<V, Uint8Array>, Depth>] extends [never]
    ? Path
    : never;

type PathInto<V, K extends string, Depth extends number, Values> = 0 extends 1 & V
  ? never
  : V extends readonly (infer E)[]
    ? | PathTo<NonNullable<E>, `${K}[]`, Depth, Values>
      | `${K}[].${PathBelow<NonNullable<E>, Depth, Values>}`
    : `${K}.${PathBelow<V, Depth, Values>}`;

type PathBelow<V, Depth extends number, Values> = V extends readonly unknown[]
  ? never
  : IsInstance<V> extends true
    ? never
    : PathsOf<V, Shallower[Depth], Values>;

type EightNames = `${string}.${string}.${string}.${string}.${string}.${string}.${string}.${string}`;

/** The paths that can be declared, and those that {@link WithReasons} refuses. */
export type GivenPath<T> = [PathsOf<T, Deepest, Anything>] extends [never]
  ? string
  : EightNames | PathsOf<T, Deepest, Anything>;

/** Refuses a path with a type that says why, which TypeScript shows as part of the error. */
export type WithReasons<T, P extends string> = [Exclude<P, FieldPath<T>>] extends [never]
  ? unknown
  : { readonly fields: readonly ((FieldPath<T> & P) | Reason<T, Exclude<P, FieldPath<T>>>)[] };

type Reason<T, P extends string> = [PathsOf<T, Deepest, Anything>] extends [never]
  ? 'The document type names no properties: use defineUntypedDocument'
  : P extends EightNames
    ? `"${P}" has more than seven names: declare a property above it, which is then encrypted as a whole`
    : `"${P}" may hold a Date, bigint, Map, Set, function, symbol or class instance, which JSON cannot hold: store text in its place`;

/** Properties that can be key parts: those that always hold a string. */
export type KeyProperty<T> = {
  [K in DeclaredName<T> & keyof T]: T[K] extends string ? K : never;
}[DeclaredName<T> & keyof T];
