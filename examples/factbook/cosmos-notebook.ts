import { CosmosClient } from '@azure/cosmos';
import { initEncryption } from '@bytelyst/field-encrypt';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  ensureDekContainer,
} from '@bytelyst/field-encrypt/azure/cosmos';
import { factbookNotes } from './factbook-notes.js';
import { note, type EncryptedNote, type Note } from './note.js';
import type { Notebook } from './notebook.js';
import { FENCE_TTL_MS, type Variables } from './setting.js';

const REGION = 'europe';

export async function openCosmosNotebook(endpoint: string, env: Variables): Promise<Notebook> {
  const client = new CosmosClient({ endpoint, key: env['COSMOS_KEY'] ?? '' });
  const database = client.database(env['COSMOS_DATABASE'] ?? '');
  const { container } = await database.containers.createIfNotExists({
    id: 'notes',
    partitionKey: '/workspaceId',
  });
  const partition = { partitionKey: 'workspaceId' };
  const notes = new CosmosDocumentStore<EncryptedNote>(container, partition);
  const encryptor = await initEncryption({
    dekStore: new CosmosDekStore(await ensureDekContainer(database)),
    collections: [{ definition: note, documentStore: notes }],
    env,
    fenceTtlMs: FENCE_TTL_MS,
    insecureAllowLoopbackVault: true,
  }).catch((error: unknown) => {
    client.dispose();
    throw error;
  });
  return {
    encryptor,
    notes,
    plainNotes: new CosmosDocumentStore<Note>(container, partition),
    book: notesOfOneRegion,
    close: () => {
      client.dispose();
    },
  };
}

/** Cosmos DB takes no slash in an id. */
function notesOfOneRegion(): Note[] {
  const notes = factbookNotes().filter(({ workspaceId }) => workspaceId === REGION);
  return notes.map((each) => ({ ...each, id: each.id.replace('/', ':') }));
}
