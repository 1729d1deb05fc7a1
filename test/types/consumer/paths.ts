/** Which paths a document type offers. @module */
import { defineDocument, defineUntypedDocument, type FieldPath } from '@bytelyst/field-encrypt';
import { same } from './same.js';

const collection = 'notes';

/** Containers of every kind. */
interface Note {
  readonly id: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly pair?: readonly [first: string, second: number];
  meta?: { readonly location: string | null; device?: string } | null;
  sections?: readonly ({ readonly heading: string; lines?: readonly string[] | null } | null)[];
  block: { kind: 'text'; text: string } | { kind: 'image'; image: Uint8Array; alt?: string } | null;
  either: readonly string[] | string;
  state: 'done' | 'open';
  rank: number | null;
}

same<
  // "block" is none: bytes are sealed as such only where they are the whole value.
  FieldPath<Note>,
  | 'block.alt'
  | 'block.image'
  | 'block.kind'
  | 'block.text'
  | 'either'
  | 'either[]'
  | 'id'
  | 'meta'
  | 'meta.device'
  | 'meta.location'
  | 'pair'
  | 'pair[]'
  | 'rank'
  | 'sections'
  | 'sections[]'
  | 'sections[].heading'
  | 'sections[].lines'
  | 'sections[].lines[]'
  | 'state'
  | 'tags'
  | 'tags[]'
  | 'title'
>();

class Money {
  readonly amount: number = 0;
  double(): number {
    return 2 * this.amount;
  }
}

/** Values that JSON cannot hold, and containers of them. */
interface Mixed {
  id: string;
  when: Date;
  maybe?: Date | string;
  count: bigint;
  map: Map<string, string>;
  set: ReadonlySet<string>;
  sign: symbol;
  make: () => string;
  kind: typeof Money;
  price: Money;
  prices: readonly Money[];
  dates: Date[];
  link: URL;
  meta: { when: Date; place: string; deep: { count: bigint | null; name: string } };
  list: { at: Date; text: string }[];
  bytes: Uint8Array;
  chunks: Uint8Array[];
  branded: string & { readonly brand: unique symbol };
  any: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- as documents have it
  unknown: unknown;
}

same<
  FieldPath<Mixed>,
  | 'any'
  | 'branded'
  | 'bytes'
  | 'chunks[]'
  | 'id'
  | 'list[].text'
  | 'meta.deep.name'
  | 'meta.place'
  | 'unknown'
>();

const mixed = defineDocument<Mixed>();
mixed({ collection, key: ['id'], fields: ['meta.place', 'list[].text', 'bytes', 'chunks[]'] });
// @ts-expect-error -- it is a Date
mixed({ collection, key: ['id'], fields: ['when'] });
// @ts-expect-error -- a Date or text
mixed({ collection, key: ['id'], fields: ['maybe'] });
// @ts-expect-error -- a method of a Date
mixed({ collection, key: ['id'], fields: ['when.getTime'] });
// @ts-expect-error -- it is a bigint
mixed({ collection, key: ['id'], fields: ['count'] });
// @ts-expect-error -- it is a Map
mixed({ collection, key: ['id'], fields: ['map'] });
// @ts-expect-error -- a property of a Map
mixed({ collection, key: ['id'], fields: ['map.size'] });
// @ts-expect-error -- it is a Set
mixed({ collection, key: ['id'], fields: ['set'] });
// @ts-expect-error -- it is a symbol
mixed({ collection, key: ['id'], fields: ['sign'] });
// @ts-expect-error -- it is a function
mixed({ collection, key: ['id'], fields: ['make'] });
// @ts-expect-error -- it is a class
mixed({ collection, key: ['id'], fields: ['kind'] });
// @ts-expect-error -- an object with a method
mixed({ collection, key: ['id'], fields: ['price'] });
// @ts-expect-error -- inside an object with a method
mixed({ collection, key: ['id'], fields: ['price.amount'] });
// @ts-expect-error -- elements with a method
mixed({ collection, key: ['id'], fields: ['prices[]'] });
// @ts-expect-error -- each is a Date
mixed({ collection, key: ['id'], fields: ['dates[]'] });
// @ts-expect-error -- it is a URL
mixed({ collection, key: ['id'], fields: ['link'] });
// @ts-expect-error -- a container of a Date
mixed({ collection, key: ['id'], fields: ['meta'] });
// @ts-expect-error -- a container of a bigint
mixed({ collection, key: ['id'], fields: ['meta.deep'] });
// @ts-expect-error -- a list of containers of a Date
mixed({ collection, key: ['id'], fields: ['list'] });
// @ts-expect-error -- bytes are sealed as such only where they are the whole value
mixed({ collection, key: ['id'], fields: ['chunks'] });
// @ts-expect-error -- a Date beside a path that is right
mixed({ collection, key: ['id'], fields: ['meta.place', 'when'] });

/** A type that contains itself. */
interface Tree {
  id: string;
  name: string;
  kids: readonly Tree[];
  up?: Tree | null;
}

const tree = defineDocument<Tree>();
tree({ collection, key: ['id'], fields: ['kids[].kids[].name', 'up.up.up.up.up.up.name'] });
// @ts-expect-error -- eight names
tree({ collection, key: ['id'], fields: ['up.up.up.up.up.up.up.name'] });
// @ts-expect-error -- eight names
tree({ collection, key: ['id'], fields: ['name', 'kids[].kids[].up.up.up.up.up.name'] });
// @ts-expect-error -- it is misspelt
tree({ collection, key: ['id'], fields: ['kids[].nam'] });

same<FieldPath<Record<string, unknown>>, never>();
// @ts-expect-error -- a type without a name
defineDocument<Record<string, unknown>>()({ collection, key: ['id'], fields: ['title'] });

export const untyped = defineUntypedDocument({
  collection,
  key: ['tenantId', 'id'],
  fields: ['a.b[].c'],
});
same<(typeof untyped)['fields'], readonly 'a.b[].c'[]>();
same<(typeof untyped)['key'], readonly ('id' | 'tenantId')[]>();
// @ts-expect-error -- an empty key
defineUntypedDocument({ collection, key: [], fields: ['title'] });
