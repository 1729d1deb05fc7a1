/** The forms of a document, and the values of its fields. @module */
import {
  defineDocument,
  defineUntypedDocument,
  type DeclaredPath,
  type DocumentKey,
  type EncryptedDocument,
  type Envelope,
  type FieldEncryptor,
  type FieldValue,
  type PlainDocument,
  type StoredDocument,
} from '@bytelyst/field-encrypt';
import { exactly, same } from './same.js';

interface Note {
  readonly id: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly pair?: readonly [first: string, second: number];
  list: string[];
  meta?: { readonly location: string | null; readonly device?: string } | null;
  sections?: readonly ({ heading: string; lines?: readonly string[] | null } | null)[];
  block: { kind: 'text'; text: string } | { kind: 'image'; image: Uint8Array } | null;
  state: 'done' | 'open';
  rank: number | null;
  readonly edited: Date;
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['id'],
  fields: [
    'title',
    'tags[]',
    'pair[]',
    'list[]',
    'meta.location',
    'meta.device',
    'sections[].heading',
    'sections[].lines[]',
    'block.text',
    'block.image',
    'state',
    'rank',
  ],
});
type Encrypted = EncryptedDocument<typeof note>;
type Stored = StoredDocument<typeof note>;
type Either<V> = Envelope | V;

// Readonly properties, lists and tuples stay so.
same<Encrypted['tags'], readonly Envelope[]>();
same<Stored['tags'], readonly Either<string>[]>();
same<NonNullable<Encrypted['pair']>, readonly [first: Envelope, second: Envelope]>();
same<Encrypted['list'], Envelope[]>();
same<Encrypted['edited'], Date>();
same<Pick<Encrypted, 'title'>, { readonly title: Envelope }>();
// Optional and nullable containers.
same<
  Encrypted['meta'],
  { readonly location: Envelope; readonly device?: Envelope } | null | undefined
>();
same<
  Encrypted['sections'],
  readonly ({ heading: Envelope; lines?: readonly Envelope[] | null } | null)[] | undefined
>();
// Unions.
same<
  Encrypted['block'],
  { kind: 'text'; text: Envelope } | { kind: 'image'; image: Envelope } | null
>();
same<Stored['rank'], Either<number | null>>();

export function keepsAssignable(plain: Note, sealed: Encrypted): Stored[] {
  return [plain, sealed, { ...sealed, title: 'new', rank: null }];
}

// The values of the fields.
type Value<P extends DeclaredPath<typeof note>> = FieldValue<typeof note, P>;
same<Value<'title'>, string>();
same<Value<'tags[]'>, string>();
same<Value<'meta.location'>, string | null>();
same<Value<'meta.device'>, string>();
same<Value<'sections[].heading'>, string>();
same<Value<'sections[].lines[]'>, string>();
same<Value<'block.text'>, string>();
same<Value<'block.image'>, Uint8Array>();
same<Value<'state'>, 'done' | 'open'>();
same<Value<'rank'>, number | null>();
same<PlainDocument<typeof note>, Note>();

export async function oneByOne(encryptor: FieldEncryptor, stored: Encrypted): Promise<void> {
  const open = await encryptor.openDocument(note, { id: '1' });
  same<ReturnType<typeof open.seal>, Envelope>();
  open.seal('rank', null);
  open.seal('state', 'done');
  // @ts-expect-error -- another value
  open.seal('state', 'lost');
  // @ts-expect-error -- the list, not one element
  open.seal('tags[]', ['a']);
  // @ts-expect-error -- absent values are not sealed
  open.seal('meta.device', undefined);
  // @ts-expect-error -- no declared path
  open.seal('edited', new Date());
  const state = open.open('state', stored.state);
  exactly<'done' | 'open'>()(state);
  const device = open.open('meta.device', stored.meta?.device);
  exactly<string | undefined>()(device);
  const fromOutside = open.open('rank', JSON.parse('null') as unknown);
  exactly<number | null | undefined>()(fromOutside);
}

export async function whole(encryptor: FieldEncryptor, plain: Note): Promise<void> {
  const stored = await encryptor.encryptDocument(note, { ...plain, _etag: 'e' });
  exactly<string>()(stored['_etag']);
  exactly<Envelope>()(stored['title']);
  const opened = await encryptor.decryptDocument(note, stored);
  exactly<string>()(opened['title']);
  exactly<Note['block']>()(opened['block']);
  // @ts-expect-error -- "title" must be a string
  await encryptor.encryptDocument(note, { ...plain, title: 7 });
}

// Paths in stage "opening" are stored in clear.
export const opening = defineDocument<Note>()({
  collection: 'notes',
  key: ['id'],
  fields: ['title', 'rank'],
  stages: { title: 'opening', rank: 'sealing' },
});
same<EncryptedDocument<typeof opening>['title'], string>();
same<EncryptedDocument<typeof opening>['rank'], Envelope>();
same<FieldValue<typeof opening, 'title'>, string>();

export const untyped = defineUntypedDocument({
  collection: 'items',
  key: ['tenantId', 'id'],
  fields: ['name', 'lines[].text'],
});
type Untyped = Record<string, unknown>;
same<DocumentKey<typeof untyped>, { readonly tenantId: string; readonly id: string }>();
same<PlainDocument<typeof untyped>, Untyped>();
same<FieldValue<typeof untyped, 'lines[].text'>, unknown>();

export async function withoutType(encryptor: FieldEncryptor, item: Untyped): Promise<void> {
  const stored = await encryptor.encryptDocument(untyped, item);
  exactly<unknown>()(stored['other']);
  const opened = await encryptor.decryptDocument(untyped, stored);
  exactly<unknown>()(opened['other']);
  // Properties that the caller knows keep their type, unless a field is declared there.
  const known = await encryptor.encryptDocument(untyped, { tenantId: 't', id: '1', name: 'n' });
  exactly<string>()(known['id']);
  exactly<unknown>()(known['name']);
  const open = await encryptor.openDocument(untyped, { tenantId: 't', id: '1' });
  const name = open.open('name', open.seal('name', { any: 'value' }));
  exactly<unknown>()(name);
  // @ts-expect-error -- not declared
  open.seal('title', 'x');
  // @ts-expect-error -- a part of the key is missing
  await encryptor.openDocument(untyped, { id: '1' });
}
