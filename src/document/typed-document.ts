/** The types that a definition derives from a document's type. @module */
import type { Envelope } from '../format/key-scope.js';
import type { DocumentDefinition } from './define-document.js';

type Scalar = bigint | boolean | null | number | string | symbol | undefined | Date | Uint8Array;
type Indivisible = Scalar | ((...args: never[]) => unknown);
type Reserved = '.' | '[' | ']' | '{' | '}' | '*' | '#';
/** Limits the recursion into types that contain themselves. */
type Shallower = [never, 0, 1, 2, 3, 4, 5];

/**
 * Names that a type declares. An index signature accepts every name, including misspelt ones, so it declares
 * none; `any` declares none either. For a union, the names that every member has.
 */
type DeclaredName<T> = 0 extends 1 & T
  ? never
  : keyof { [K in keyof T as IsIndexSignature<K> extends true ? never : K]-?: T[K] } & string;

/** A property that may be absent satisfies an index signature, but no declared property. */
type IsIndexSignature<K> = K extends PropertyKey
  ? Partial<Record<K, unknown>> extends Record<K, unknown>
    ? true
    : false
  : never;

/** Every path that can be declared for a document type, six levels deep. */
export type FieldPath<T, Depth extends number = 6> = [Depth] extends [never]
  ? never
  : T extends Indivisible
    ? never
    : {
        [K in DeclaredName<T> & keyof T]: K extends `${string}${Reserved}${string}`
          ? never
          : PathFrom<NonNullable<T[K]>, K, Depth>;
      }[DeclaredName<T> & keyof T];

type PathFrom<V, K extends string, Depth extends number> =
  | K
  | (0 extends 1 & V
      ? never
      : V extends Indivisible
        ? never
        : V extends readonly (infer E)[]
          ? `${K}[]` | `${K}[].${FieldPath<NonNullable<E>, Shallower[Depth]>}`
          : `${K}.${FieldPath<V, Shallower[Depth]>}`);

/** Properties that can be key parts: those that always hold a string. */
export type KeyProperty<T> = {
  [K in DeclaredName<T> & keyof T]: T[K] extends string ? K : never;
}[DeclaredName<T> & keyof T];

/** Properties of a document other than those of its definition's type: for example `_etag`. */
export type OtherProperties<D extends AnyDefinition, X> = [X] extends [never]
  ? unknown
  : [keyof X] extends [never]
    ? Pick<X, keyof X>
    : { [K in keyof X as K extends DeclaredName<PlainDocument<D>> ? never : K]: X[K] };

export type AnyDefinition = DocumentDefinition<object, string, string, string>;

/** The document type that a definition was made for. */
export type PlainDocument<D extends AnyDefinition> =
  D extends DocumentDefinition<infer T, string, string, string> ? T : never;

/** The key of a document: its definition's key properties, as an object. */
export type DocumentKey<D extends AnyDefinition> =
  D extends DocumentDefinition<object, infer K, string, string>
    ? { readonly [Property in K]: string }
    : never;

/** A document with every declared field sealed, except those in stage `opening`. */
export type EncryptedDocument<D extends AnyDefinition> =
  D extends DocumentDefinition<infer T, string, infer P, infer O>
    ? Mapped<T, Exclude<P, O>, 'sealed'>
    : never;

/** A document that is stored or about to be: each declared field sealed or still plain. */
export type StoredDocument<D extends AnyDefinition> =
  D extends DocumentDefinition<infer T, string, infer P, string> ? Mapped<T, P, 'either'> : never;

/** The paths that a definition declares. */
export type DeclaredPath<D extends AnyDefinition> =
  D extends DocumentDefinition<object, string, infer P, string> ? P : never;

type Form = 'either' | 'sealed';

type Leaf<V, F extends Form> = F extends 'sealed'
  ? Envelope | (unknown extends V ? undefined : Extract<V, undefined>)
  : Envelope | V;

type Mapped<T, P extends string, F extends Form> = {
  [K in keyof T]: IsIndexSignature<K> extends true
    ? Indexed<T, P, F> | T[K]
    : K extends string
      ? MappedProperty<T[K], K, P, F>
      : T[K];
};

/** The additional types that an index signature has to allow, since it includes the declared properties. */
type Indexed<T, P extends string, F extends Form> = {
  [K in DeclaredName<T> & keyof T]: MappedProperty<T[K], K, P, F>;
}[DeclaredName<T> & keyof T];

type MappedProperty<V, K extends string, P extends string, F extends Form> = K extends P
  ? Leaf<V, F>
  : `${K}[]` extends P
    ? MappedElements<V, F>
    : [Below<P, K> | Below<P, `${K}[]`>] extends [never]
      ? V
      : MappedContainer<V, K, P, F>;

type MappedElements<V, F extends Form> = V extends readonly (infer E)[] ? Leaf<E, F>[] : V;

type MappedContainer<V, K extends string, P extends string, F extends Form> = V extends
  null | undefined
  ? V
  : V extends readonly (infer E)[]
    ? (E extends null | undefined ? E : Mapped<E, Below<P, `${K}[]`>, F>)[]
    : Mapped<V, Below<P, K>, F>;

type Below<P extends string, Prefix extends string> = P extends `${Prefix}.${infer Rest}`
  ? Rest
  : never;
