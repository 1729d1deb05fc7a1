import type { CallErrorCode } from '../../src/diagnostics/traced-call.js';
import type { DekLossReason } from '../../src/rotation/rewrap-event.js';
import { describe, expectTypeOf, it } from 'vitest';
import {
  addRecoveryWraps,
  assertRetirable,
  createFieldEncryptor,
  defineDocument,
  isFieldEncryptionError,
  prunePreviousWraps,
  recoverDeks,
  rewrapAllDeks,
  rollbackRotation,
  takeCensus,
  type CacheMessage,
  type DocumentKey,
  type EncryptedDocument,
  type Envelope,
  type FieldPath,
  type RecoveryEvent,
  type RecoverySummary,
  type MekStillNeededError,
  type RewrapEvent,
  type RunMessage,
  type RunSummary,
  type RewrapSummary,
  type StoredDocument,
  type StoreMessage,
  type UnwrapMessage,
  type MaintenanceEvent,
  type MaintenanceSummary,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';

interface Note {
  workspaceId: string;
  id: string;
  pinned: boolean;
  title: string;
  body?: string;
  subtitle: string | null;
  tags: string[];
  meta?: { location: string | null; device: string };
  sections: { title: string; order: number }[] | null;
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body', 'subtitle', 'tags[]', 'meta.location', 'sections[].title'],
});
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [],
  dekStore: new MemoryDekStore(),
});

describe('defineDocument', () => {
  it('takes every path of the type and no other', () => {
    expectTypeOf<'meta.location'>().toExtend<FieldPath<Note>>();
    expectTypeOf<'tags' | 'tags[]' | 'sections[].order'>().toExtend<FieldPath<Note>>();
    expectTypeOf<'meta.lokation'>().not.toExtend<FieldPath<Note>>();
    expectTypeOf<'tags.length'>().not.toExtend<FieldPath<Note>>();
    expectTypeOf<'title.length'>().not.toExtend<FieldPath<Note>>();
  });

  it('does not compile with a misspelt path', () => {
    defineDocument<Note>()({
      collection: 'notes',
      key: ['id'],
      // @ts-expect-error -- "titel" is no property of Note
      fields: ['titel'],
    });
  });

  it('does not compile with a key part that is not always a string', () => {
    defineDocument<Note>()({
      collection: 'notes',
      // @ts-expect-error -- "pinned" is a boolean
      key: ['pinned'],
      fields: ['title'],
    });
  });

  it('does not compile without key or fields', () => {
    // @ts-expect-error -- an empty key
    defineDocument<Note>()({ collection: 'notes', key: [], fields: ['title'] });
  });

  it('ends on types that contain themselves', () => {
    interface Tree {
      id: string;
      name: string;
      children: Tree[];
    }
    expectTypeOf<'children[].children[].name'>().toExtend<FieldPath<Tree>>();
  });
});

describe('document types', () => {
  it('put envelopes where fields are declared, and only there', () => {
    type Encrypted = EncryptedDocument<typeof note>;
    expectTypeOf<Encrypted['title']>().toEqualTypeOf<Envelope>();
    expectTypeOf<Encrypted['subtitle']>().toEqualTypeOf<Envelope>();
    expectTypeOf<Encrypted['body']>().toEqualTypeOf<Envelope | undefined>();
    expectTypeOf<Encrypted['tags']>().toEqualTypeOf<Envelope[]>();
    expectTypeOf<Encrypted['pinned']>().toEqualTypeOf<boolean>();
    expectTypeOf<NonNullable<Encrypted['meta']>['location']>().toEqualTypeOf<Envelope>();
    expectTypeOf<NonNullable<Encrypted['meta']>['device']>().toEqualTypeOf<string>();
    expectTypeOf<NonNullable<Encrypted['sections']>[number]['title']>().toEqualTypeOf<Envelope>();
    expectTypeOf<null>().toExtend<Encrypted['sections']>();
  });

  it('name a document by an object', () => {
    expectTypeOf<DocumentKey<typeof note>>().toEqualTypeOf<{
      readonly workspaceId: string;
      readonly id: string;
    }>();
  });

  it('let changes be spread over a stored document', () => {
    const stored = {} as EncryptedDocument<typeof note>;
    expectTypeOf({ ...stored, title: 'new' }).toExtend<StoredDocument<typeof note>>();
    expectTypeOf<Note>().toExtend<StoredDocument<typeof note>>();
  });
});

describe('FieldEncryptor', () => {
  it('keeps properties beside the type, in type', async () => {
    const plain = {} as Note & { _etag: string };
    const stored = await encryptor.encryptDocument(note, plain);
    expectTypeOf(stored._etag).toEqualTypeOf<string>();
    expectTypeOf(stored.title).toEqualTypeOf<Envelope>();
    const opened = await encryptor.decryptDocument(note, stored);
    expectTypeOf(opened._etag).toEqualTypeOf<string>();
    expectTypeOf(opened.title).toEqualTypeOf<string>();
    expectTypeOf(opened.sections).toEqualTypeOf<Note['sections']>();
  });

  it('takes key parts in "expect", and no others', async () => {
    const stored = {} as EncryptedDocument<typeof note>;
    await encryptor.decryptDocument(note, stored, { expect: { workspaceId: 'w' } });
    // @ts-expect-error -- "title" is no key part
    await encryptor.decryptDocument(note, stored, { expect: { title: 'w' } });
  });

  it('seals declared paths only', async () => {
    const open = await encryptor.openDocument(note, { workspaceId: 'w', id: '1' });
    expectTypeOf(open.seal('tags[]', 'a')).toEqualTypeOf<Envelope>();
    // @ts-expect-error -- not declared
    open.seal('pinned', true);
  });
});

describe('a write', () => {
  it('takes a change from what is stored to what is to be stored', async () => {
    const notes = new MemoryDocumentStore<EncryptedDocument<typeof note>>({ key: note.key });
    const key = { workspaceId: 'w', id: '1' };
    const item = await encryptor.updateDocument(note, notes, key, (stored) => {
      expectTypeOf(stored).toEqualTypeOf<EncryptedDocument<typeof note> | undefined>();
      return stored && { ...stored, title: 'new' };
    });
    expectTypeOf(item?.document.title).toEqualTypeOf<Envelope | undefined>();
    // @ts-expect-error -- "title" must be a string
    await encryptor.updateDocument(note, notes, key, (stored) => stored && { ...stored, title: 7 });
  });

  it('that is checked afterwards gives the document to be stored', async () => {
    const write = await encryptor.beginWrite(note, {} as Note & { _etag: string });
    expectTypeOf(write.document.title).toEqualTypeOf<Envelope>();
    expectTypeOf(write.document._etag).toEqualTypeOf<string>();
    expectTypeOf(await write.confirm()).toEqualTypeOf<boolean>();
    const again = await write.sealAgain(write.document);
    expectTypeOf(again?.document.title).toEqualTypeOf<Envelope | undefined>();
  });
});

describe('a rotation', () => {
  it('takes an encryptor, and needs a target', () => {
    const target = { mekVersion: 'v' };
    expectTypeOf(rewrapAllDeks(encryptor, { target })).toEqualTypeOf<
      AsyncGenerator<RewrapEvent, RewrapSummary, void>
    >();
    rewrapAllDeks(encryptor, { target, verify: 'first', concurrency: 4, dryRun: true });
    // @ts-expect-error -- no target
    rewrapAllDeks(encryptor, {});
    // @ts-expect-error -- no "latest"
    rewrapAllDeks(encryptor, { target: {} });
    // @ts-expect-error -- misspelt
    rewrapAllDeks(encryptor, { target, dryrun: true });
  });

  it('gives events that narrow by type', async () => {
    for await (const event of rewrapAllDeks(encryptor, { target: { mekVersion: 'v' } })) {
      if (event.type === 'fence') expectTypeOf(event.remainingMs).toEqualTypeOf<number>();
      if (event.type === 'failed') expectTypeOf(event.error).toEqualTypeOf<unknown>();
      if (event.type === 'changed') expectTypeOf(event.from.mekVersion).toEqualTypeOf<string>();
      if (event.type === 'finished') expectTypeOf(event.summary).toEqualTypeOf<RewrapSummary>();
    }
    expectTypeOf((await takeCensus(encryptor)).settled).toEqualTypeOf<boolean>();
  });

  it('goes back to a target, all of it', () => {
    const target = { mekVersion: 'v' };
    expectTypeOf(rollbackRotation(encryptor, { target, verifyFlips: true })).toEqualTypeOf<
      AsyncGenerator<RewrapEvent, RewrapSummary, void>
    >();
    // @ts-expect-error -- no part of the rows
    rollbackRotation(encryptor, { target, sourceVersion: 'v' });
    // @ts-expect-error -- only of a rollback
    rewrapAllDeks(encryptor, { target, verifyFlips: true });
  });

  it('is followed by a pruning that needs to know the end of the soak', () => {
    const pruning = prunePreviousWraps(encryptor, { rewrappedBefore: new Date() });
    expectTypeOf(pruning).toEqualTypeOf<
      AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void>
    >();
    // @ts-expect-error -- no soak
    prunePreviousWraps(encryptor, {});
  });

  it('is followed by a retirement whose reasons narrow by type', () => {
    const error: unknown = new Error();
    if (isFieldEncryptionError(error) && error.code === 'MEK_STILL_NEEDED') {
      expectTypeOf(error).toEqualTypeOf<MekStillNeededError>();
      for (const reason of error.reasons) {
        if (reason.type === 'backups') expectTypeOf(reason.until).toEqualTypeOf<string>();
        if (reason.type === 'rows') expectTypeOf(reason.rows).toEqualTypeOf<number>();
      }
    }
    // @ts-expect-error -- no word of backups
    void assertRetirable(encryptor, { mek: { mekVersion: 'v' } }).catch(() => undefined);
  });
});

describe('a recovery', () => {
  it('takes an encryptor, a private key and a target, and verifies everything', () => {
    const target = { mekVersion: 'v' };
    const privateKey = 'PEM';
    expectTypeOf(recoverDeks(encryptor, { privateKey, target })).toEqualTypeOf<
      AsyncGenerator<RecoveryEvent, RecoverySummary, void>
    >();
    recoverDeks(encryptor, { privateKey, passphrase: 'p', target, dryRun: true, takeOver: true });
    // @ts-expect-error -- no private key
    recoverDeks(encryptor, { target });
    // @ts-expect-error -- nothing to turn off
    recoverDeks(encryptor, { privateKey, target, verify: 'none' });
  });

  it('says of each failure whether the DEK is lost, and whose it is', async () => {
    const options = { privateKey: 'PEM', target: { mekVersion: 'v' } };
    for await (const event of recoverDeks(encryptor, options)) {
      if (event.type === 'failed') {
        expectTypeOf(event.loss?.reason).toEqualTypeOf<DekLossReason | undefined>();
        expectTypeOf(event.loss?.scope).toEqualTypeOf<readonly string[] | undefined>();
      }
      if (event.type === 'finished') expectTypeOf(event.summary).toEqualTypeOf<RecoverySummary>();
    }
  });

  it('is prepared for by an encryptor with a recovery key', () => {
    expectTypeOf(addRecoveryWraps(encryptor)).toEqualTypeOf<
      AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void>
    >();
    expectTypeOf(encryptor.recoveryKey).toEqualTypeOf<string | undefined>();
  });
});

describe('messages', () => {
  it('of calls say what is known in the end', () => {
    expectTypeOf<UnwrapMessage['mekVersion']>().toEqualTypeOf<string>();
    expectTypeOf<UnwrapMessage['durationMs']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<StoreMessage['method']>().toExtend<string>();
    // @ts-expect-error -- neither results nor errors are published
    expectTypeOf<UnwrapMessage['result']>();
  });

  it('narrow by type', () => {
    const message = {} as CacheMessage;
    if (message.type === 'evicted') expectTypeOf(message.reason).toExtend<string>();
    const { event } = {} as RunMessage;
    if (event.type === 'failed') expectTypeOf(event.errorCode).toEqualTypeOf<CallErrorCode>();
    if (event.type === 'finished') expectTypeOf(event.summary).toEqualTypeOf<RunSummary>();
    // @ts-expect-error -- the error stays with the caller
    if (event.type === 'failed') expectTypeOf(event.error);
  });
});

describe('errors', () => {
  it('narrow by code', () => {
    const error: unknown = undefined;
    if (!isFieldEncryptionError(error)) return;
    if (error.code === 'KEY_PROVIDER_UNAVAILABLE') {
      expectTypeOf(error.retryAfterMs).toEqualTypeOf<number | undefined>();
    }
    if (error.code === 'CONFIGURATION_INVALID') {
      expectTypeOf(error.problems).toExtend<readonly { variable: string }[]>();
    }
  });
});
