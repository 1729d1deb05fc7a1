/** Encrypts a note with a key in Key Vault, keeps it in Cosmos DB, and reads it back. */
import { CosmosClient } from '@azure/cosmos';
import { defineDocument, initEncryption, type EncryptedDocument } from '@bytelyst/field-encrypt';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  ensureDekContainer,
} from '@bytelyst/field-encrypt/azure/cosmos';

type Note = { workspaceId: string; id: string; title: string; tags: string[] };

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'tags[]'],
});

const { COSMOS_ENDPOINT = '', COSMOS_KEY = '', COSMOS_DATABASE = '' } = process.env;
const client = new CosmosClient({ endpoint: COSMOS_ENDPOINT, key: COSMOS_KEY });
const { database } = await client.databases.createIfNotExists({ id: COSMOS_DATABASE });
const { container } = await database.containers.createIfNotExists({
  id: 'notes',
  partitionKey: '/workspaceId',
});

// The vault, its key and the credential come from environment variables.
const dekStore = new CosmosDekStore(await ensureDekContainer(database));
const encryptor = await initEncryption({ dekStore, insecureAllowLoopbackVault: true });
const notes = new CosmosDocumentStore<EncryptedDocument<typeof note>>(container, {
  partitionKey: 'workspaceId',
});

const id = `plans-${String(Date.now())}`;
const plain = { workspaceId: 'w1', id, title: 'Plans', tags: ['secret'] };
await notes.create(await encryptor.encryptDocument(note, plain));

const stored = await notes.get({ workspaceId: 'w1', id });
if (!stored) throw new Error('The note is gone');
console.log('At rest: ', stored.document);
console.log('In clear:', await encryptor.decryptDocument(note, stored.document));
client.dispose();
