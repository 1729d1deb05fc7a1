/** Prints what encryption adds to a document, and what the row of its DEK takes, in bytes of JSON. */
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';

const note = defineDocument<{ id: string; title: string; tags: string[] }>()({
  collection: 'notes',
  key: ['id'],
  fields: ['title', 'tags[]'],
});
const dekStore = new MemoryDekStore();
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key: 'QBBt3De62ujI5LHtiDIukEnZMtk64vmBWy1vVqRn/7o=' })],
  dekStore,
});

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

async function print(what: string, title: string, tags: string[]): Promise<void> {
  const plain = { id: 'n1', title, tags };
  const stored = bytesOf(await encryptor.encryptDocument(note, plain));
  console.log(`${what}: ${String(bytesOf(plain))} bytes, stored ${String(stored)}`);
}

await print('one field of 10 characters', 'x'.repeat(10), []);
await print('one field of 1,000 characters', 'x'.repeat(1_000), []);
await print(
  'that, and a list of 20 words of 5 characters',
  'x'.repeat(1_000),
  Array<string>(20).fill('words'),
);
for (const { value } of (await dekStore.list({ product: 'notelett' })).items) {
  console.log(`the row of its DEK: ${String(bytesOf(value))} bytes`);
}
