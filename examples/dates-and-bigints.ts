/**
 * A document type with a `Date` and a `bigint`, which JSON cannot hold: a codec at the boundary turns them
 * into text before they are encrypted, and back after they were decrypted.
 */
import { randomBytes } from 'node:crypto';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  type EncryptedDocument,
} from '@bytelyst/field-encrypt';
import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';

/** As the program works with it. */
interface Invoice {
  readonly tenantId: string;
  readonly id: string;
  readonly dueAt: Date;
  readonly cents: bigint;
  readonly reminders: readonly Date[];
}

/** As it is stored. */
interface StoredInvoice {
  readonly tenantId: string;
  readonly id: string;
  readonly dueAt: string;
  readonly cents: string;
  readonly reminders: readonly string[];
}

const codec = {
  encode: ({ dueAt, cents, reminders, ...others }: Invoice): StoredInvoice => ({
    ...others,
    dueAt: dueAt.toISOString(),
    cents: cents.toString(),
    reminders: reminders.map((at) => at.toISOString()),
  }),
  decode: ({ dueAt, cents, reminders, ...others }: StoredInvoice): Invoice => ({
    ...others,
    dueAt: new Date(dueAt),
    cents: BigInt(cents),
    reminders: reminders.map((at) => new Date(at)),
  }),
};

const invoice = defineDocument<StoredInvoice>()({
  collection: 'invoices',
  key: ['tenantId', 'id'],
  fields: ['dueAt', 'cents', 'reminders'],
});
const encryptor = createFieldEncryptor({
  product: 'billing',
  keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
  dekStore: new MemoryDekStore(),
});
const store = new MemoryDocumentStore<EncryptedDocument<typeof invoice>>({ key: invoice.key });

async function save(document: Invoice): Promise<void> {
  await store.create(await encryptor.encryptDocument(invoice, codec.encode(document)));
}

async function find(tenantId: string, id: string): Promise<Invoice | undefined> {
  const item = await store.get({ tenantId, id });
  return item && codec.decode(await encryptor.decryptDocument(invoice, item.document));
}

await save({
  tenantId: 't1',
  id: 'i1',
  dueAt: new Date('2030-01-31T12:00:00.000Z'),
  cents: 9_007_199_254_740_993n,
  reminders: [new Date('2030-01-01T12:00:00.000Z')],
});
const found = await find('t1', 'i1');
console.log(found?.dueAt.getUTCFullYear(), found?.cents, found?.reminders[0]?.toISOString());
