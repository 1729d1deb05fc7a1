// Begins a product, and reads it as another process would, from environment variables alone.
const [, , library, testing] = process.argv;
const { defineDocument, initEncryption } = await import(library);
const { MemoryDekStore } = await import(testing);

const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['body'] });
const dekStore = new MemoryDekStore();

async function told(name) {
  process.send(name);
  await new Promise((resolve) => process.once('message', resolve));
}

const init = () => initEncryption({ dekStore, insecureAllowLoopbackVault: true });
const writer = await init();
const stored = await writer.encryptDocument(note, { id: '1', body: 'Hi' });
const own = await writer.decryptDocument(note, stored);
await told(`written: ${own.body}`);
const reader = await init();
const read = await reader.decryptDocument(note, stored);
await told(`read: ${read.body}`);
process.disconnect();
