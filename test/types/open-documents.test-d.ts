import type { ItemDefinition } from '@azure/cosmos';
import { describe, expectTypeOf, it } from 'vitest';
import {
  createFieldEncryptor,
  defineDocument,
  type DeclaredPath,
  type DocumentDefinition,
  type DocumentKey,
  type EncryptedDocument,
  type Envelope,
  type FieldPath,
  type KeyProperty,
  type StoredDocument,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';

/** As `@azure/cosmos` has its users write it: a type with an index signature. */
interface CosmosNote extends ItemDefinition {
  id: string;
  workspaceId: string;
  title: string;
  body?: string;
  tags: string[];
  meta?: { location: string | null; [extra: string]: unknown };
  sections: (Record<string, unknown> & { heading: string })[];
  anything: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- as documents have it
}

type LooseNote = Record<string, unknown> & { id: string; title: string; tags?: string[] | null };

const note = defineDocument<CosmosNote>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'tags[]', 'meta.location', 'sections[].heading', 'anything'],
});
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [],
  dekStore: new MemoryDekStore(),
});

describe('paths of a type with an index signature', () => {
  it('are those of the properties that it names', () => {
    expectTypeOf<FieldPath<LooseNote>>().toEqualTypeOf<'id' | 'tags' | 'tags[]' | 'title'>();
    expectTypeOf<FieldPath<CosmosNote>>().toEqualTypeOf<
      | 'anything'
      | 'body'
      | 'id'
      | 'meta'
      | 'meta.location'
      | 'sections'
      | 'sections[]'
      | 'sections[].heading'
      | 'tags'
      | 'tags[]'
      | 'title'
      | 'ttl'
      | 'workspaceId'
    >();
  });

  it('do not compile when misspelt', () => {
    const collection = 'notes';
    // @ts-expect-error -- "titel"
    defineDocument<CosmosNote>()({ collection, key: ['id'], fields: ['titel'] });
    // @ts-expect-error -- "titel"
    defineDocument<LooseNote>()({ collection, key: ['id'], fields: ['titel'] });
    // @ts-expect-error -- "lokation", beside a right one
    defineDocument<CosmosNote>()({ collection, key: ['id'], fields: ['title', 'meta.lokation'] });
    // @ts-expect-error -- "headin"
    defineDocument<CosmosNote>()({ collection, key: ['id'], fields: ['sections[].headin'] });
    // @ts-expect-error -- below "any" nothing is known
    defineDocument<CosmosNote>()({ collection, key: ['id'], fields: ['anything.inside'] });
    // @ts-expect-error -- nor is it an array
    defineDocument<CosmosNote>()({ collection, key: ['id'], fields: ['anything[]'] });
    // @ts-expect-error -- "workspace" in the key
    defineDocument<CosmosNote>()({ collection, key: ['workspace'], fields: ['title'] });
    // @ts-expect-error -- "ttl" is a number
    defineDocument<CosmosNote>()({ collection, key: ['ttl'], fields: ['title'] });
  });

  it('are those of the properties whatever kind the index signature is of', () => {
    interface Patterned {
      id: string;
      [header: `x-${string}`]: string;
      [symbol: symbol]: string;
    }
    expectTypeOf<FieldPath<Patterned>>().toEqualTypeOf<'id'>();
    expectTypeOf<KeyProperty<Patterned>>().toEqualTypeOf<'id'>();
    expectTypeOf<FieldPath<{ id: string; [at: number]: string }>>().toEqualTypeOf<'id'>();
    expectTypeOf<FieldPath<Record<string, string>>>().toEqualTypeOf<never>();
    expectTypeOf<KeyProperty<Record<string, string>>>().toEqualTypeOf<never>();
    expectTypeOf<FieldPath<object>>().toEqualTypeOf<never>();
  });

  it('are none where the type is any, nor below any', () => {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what this is about
    type Any = any;
    expectTypeOf<FieldPath<Any>>().toEqualTypeOf<never>();
    expectTypeOf<KeyProperty<Any>>().toEqualTypeOf<never>();
    expectTypeOf<FieldPath<{ list: Any[]; one: unknown }>>().toEqualTypeOf<
      'list' | 'list[]' | 'one'
    >();
  });

  it('are those of every member of a union, and the key those of all', () => {
    type Either = (ItemDefinition & { id: string; kind: 'a'; a: string }) | LooseNote;
    expectTypeOf<'a' | 'title'>().toExtend<FieldPath<Either>>();
    expectTypeOf<'titel'>().not.toExtend<FieldPath<Either>>();
    expectTypeOf<KeyProperty<Either>>().toEqualTypeOf<'id'>();
    expectTypeOf<
      FieldPath<{ one?: (Record<string, unknown> & { x: string }) | { y: number } | null }>
    >().toEqualTypeOf<'one' | 'one.x' | 'one.y'>();
  });

  it('end on types that contain themselves', () => {
    type Tree = Record<string, unknown> & { name: string; children?: Tree[] };
    expectTypeOf<'children[].children[].name'>().toExtend<FieldPath<Tree>>();
    expectTypeOf<'children[].children[].nam'>().not.toExtend<FieldPath<Tree>>();
  });
});

describe('documents of a type with an index signature', () => {
  it('have envelopes where fields are declared, and only there', () => {
    type Encrypted = EncryptedDocument<typeof note>;
    expectTypeOf<Encrypted['title']>().toEqualTypeOf<Envelope>();
    expectTypeOf<Encrypted['body']>().toEqualTypeOf<Envelope | undefined>();
    expectTypeOf<Encrypted['tags']>().toEqualTypeOf<Envelope[]>();
    expectTypeOf<Encrypted['ttl']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Encrypted['anything']>().toEqualTypeOf<Envelope | undefined>();
    expectTypeOf<NonNullable<Encrypted['meta']>['location']>().toEqualTypeOf<Envelope>();
    expectTypeOf<Encrypted['sections'][number]['heading']>().toEqualTypeOf<Envelope>();
    expectTypeOf<CosmosNote>().toExtend<StoredDocument<typeof note>>();
    expectTypeOf<DeclaredPath<typeof note>>().toEqualTypeOf<
      'anything' | 'body' | 'meta.location' | 'sections[].heading' | 'tags[]' | 'title'
    >();
    expectTypeOf<DocumentKey<typeof note>>().toEqualTypeOf<{
      readonly workspaceId: string;
      readonly id: string;
    }>();
  });

  it('may hold envelopes under an index signature of scalars', () => {
    type Scalars = Record<string, number | string> & { id: string; title: string };
    type Definition = DocumentDefinition<Scalars, 'id', 'title'>;
    const stored = {} as EncryptedDocument<Definition>;
    expectTypeOf(stored.title).toEqualTypeOf<Envelope>();
    expectTypeOf({ ...stored, title: 'new' }).toExtend<StoredDocument<Definition>>();
  });

  it('keep properties beside the type, in type', async () => {
    const plain = {} as CosmosNote & { _etag: string };
    const stored = await encryptor.encryptDocument(note, plain);
    expectTypeOf(stored._etag).toEqualTypeOf<string>();
    expectTypeOf(stored.title).toEqualTypeOf<Envelope>();
    const opened = await encryptor.decryptDocument(note, stored);
    expectTypeOf(opened._etag).toEqualTypeOf<string>();
    expectTypeOf(opened.title).toEqualTypeOf<string>();
    expectTypeOf(opened.sections).toEqualTypeOf<CosmosNote['sections']>();
  });

  it('are changed and sealed by declared paths only', async () => {
    const notes = new MemoryDocumentStore<EncryptedDocument<typeof note>>({ key: note.key });
    const key = { workspaceId: 'w', id: '1' };
    await encryptor.updateDocument(
      note,
      notes,
      key,
      (stored) => stored && { ...stored, title: 't' },
    );
    // @ts-expect-error -- "title" must be a string
    await encryptor.updateDocument(note, notes, key, (stored) => stored && { ...stored, title: 7 });
    const open = await encryptor.openDocument(note, key);
    expectTypeOf(open.seal('title', 'a')).toEqualTypeOf<Envelope>();
    // @ts-expect-error -- misspelt
    open.seal('titel', 'a');
    // @ts-expect-error -- "id" is missing
    await encryptor.openDocument(note, { workspaceId: 'w' });
  });
});
