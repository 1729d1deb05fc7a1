/** The types that a definition derives from a document's type. @module */
import type { Envelope } from '../format/key-scope.js';
import type { DocumentDefinition } from './define-document.js';
import type { DeclaredName, IsIndexSignature, IsInstance, Primitive } from './field-path.js';

/** Properties of a document other than those of its definition's type: for example `_etag`. */
export type OtherProperties<D extends AnyDefinition, X> = [X] extends [never]
  ? unknown
  : [keyof X] extends [never]
    ? Pick<X, keyof X>
    : {
        [
          K in keyof X as K extends DeclaredName<PlainDocument<D>> | FirstName<DeclaredPath<D>>
            ? never
            : K
        ]: X[K];
      };

/** The property of the document that a path begins with. */
type FirstName<P extends string> = P extends `${infer First}.${string}`
  ? FirstName<First>
  : P extends `${infer Name}[]`
    ? Name
    : P;

export type AnyDefinition = DocumentDefinition<object, string, string, string>;

/** Every definition of documents of one type. */
export type DefinitionOf<T extends object> = DocumentDefinition<T, string, string, string>;

/** The document type that a definition was made for. */
export type PlainDocument<D extends AnyDefinition> = NonNullable<D['document']>;

/** A document in any form. TypeScript cannot relate the forms where the definition is a type parameter. */
export type AnyForm<D extends AnyDefinition, T = PlainDocument<D>> =
  EncryptedDocument<D> | StoredDocument<D> | T;

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

/** The type of the value at a declared path; for `tags[]`, of one element. */
export type FieldValue<D extends AnyDefinition, P extends string> = Exclude<
  ValueAt<PlainDocument<D>, P>,
  undefined
>;

/** What an opened value is: also `undefined` where the stored one may be. */
export type OpenedValue<D extends AnyDefinition, P extends string, Stored> =
  FieldValue<D, P> | (undefined extends Stored ? undefined : never);

type ValueAt<T, P extends string> = P extends `${infer First}.${infer Rest}`
  ? ValueAt<ValueOf<T, First>, Rest>
  : ValueOf<T, P>;

type ValueOf<T, Segment extends string> = Segment extends `${infer Name}[]`
  ? ElementOf<PropertyOf<T, Name>>
  : PropertyOf<T, Segment>;

type PropertyOf<T, Name extends string> = unknown extends T
  ? T
  : T extends unknown
    ? Name extends keyof T
      ? T[Name]
      : never
    : never;

type ElementOf<V> = unknown extends V ? V : V extends readonly (infer E)[] ? E : never;

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

type MappedElements<V, F extends Form> = V extends readonly unknown[]
  ? { [Index in keyof V]: Leaf<V[Index], F> }
  : V;

type MappedContainer<V, K extends string, P extends string, F extends Form> = V extends Primitive
  ? V
  : V extends readonly unknown[]
    ? { [Index in keyof V]: MappedElement<V[Index], Below<P, `${K}[]`>, F> }
    : MappedElement<V, Below<P, K>, F>;

type MappedElement<V, P extends string, F extends Form> = V extends Primitive
  ? V
  : IsInstance<V> extends true
    ? V
    : Mapped<V, P, F>;

type Below<P extends string, Prefix extends string> = P extends `${Prefix}.${infer Rest}`
  ? Rest
  : never;
