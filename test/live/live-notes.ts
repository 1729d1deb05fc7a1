/** Notes on the vault and the account, and the processes that work on them. @module */
import type { StoredDocumentItem } from '../../src/adapters.js';
import {
  defineDocument,
  initEncryption,
  type DocumentStore,
  type EncryptedDocument,
  type FieldEncryptor,
} from '../../src/index.js';
import { CosmosDekStore, CosmosDocumentStore } from '../../src/azure/cosmos/index.js';
import type { CosmosAccess } from './live-azure.js';
import type { LiveRun } from './live-run.js';
import { notedDekStore, notedDocumentStore } from './noted.js';

export interface LiveNote {
  readonly workspaceId: string;
  readonly id: string;
  readonly title: string;
  readonly body: string;
}

export const liveNote = defineDocument<LiveNote>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body'],
});

export type StoredNote = EncryptedDocument<typeof liveNote>;

const PRODUCT = 'live-tests';
const WORKSPACE = 'w1';
const FENCE_TTL_MS = 1_000;
/** In every title and body: what must not be found in a container. */
export const SECRET = 'secret text of a note';

export function noteOf(id: number, body = 'first'): LiveNote {
  const text = `${SECRET}: ${String(id)}`;
  return { workspaceId: WORKSPACE, id: `n${String(id)}`, title: text, body: `${text}, ${body}` };
}

export class LiveNotes {
  readonly store: DocumentStore<StoredNote>;
  readonly #run: LiveRun;
  readonly #access: CosmosAccess;
  /** What each note was last acknowledged to be. */
  readonly #written = new Map<string, LiveNote>();

  constructor(run: LiveRun) {
    const { azure, ledger } = run;
    this.#run = run;
    this.#access = azure.cosmos();
    const { container, id } = this.#access.documents;
    const store = new CosmosDocumentStore<StoredNote>(container, { partitionKey: 'workspaceId' });
    this.store = notedDocumentStore(store, ledger, id);
  }

  /** As a process of its own makes it of its environment; without a version, for the newest one. */
  process(mekVersion?: string): Promise<FieldEncryptor> {
    const { azure, ledger } = this.#run;
    const { vaultUrl, mekName, allowsLoopback } = azure.settings;
    const { deks } = azure.cosmos();
    return initEncryption({
      dekStore: notedDekStore(new CosmosDekStore(deks.container), ledger, deks.id),
      credential: azure.credential,
      keyVault: () => import('../../src/azure/key-vault/index.js'),
      insecureAllowLoopbackVault: allowsLoopback,
      fenceTtlMs: FENCE_TTL_MS,
      env: {
        FIELD_ENCRYPT_ENABLED: 'true',
        FIELD_ENCRYPT_PRODUCT: PRODUCT,
        FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
        AZURE_KEYVAULT_URL: vaultUrl,
        FIELD_ENCRYPT_MEK_NAME: mekName,
        ...(mekVersion !== undefined && { FIELD_ENCRYPT_MEK_VERSION: mekVersion }),
      },
    });
  }

  /** Makes it, or writes over it. */
  async write(encryptor: FieldEncryptor, note: LiveNote): Promise<void> {
    const { workspaceId, id } = note;
    await encryptor.updateDocument(liveNote, this.store, { workspaceId, id }, (stored) => ({
      ...stored,
      ...note,
    }));
    this.#written.set(note.id, note);
  }

  async read(encryptor: FieldEncryptor, { id }: Pick<LiveNote, 'id'>): Promise<LiveNote> {
    const item = await this.store.get({ workspaceId: WORKSPACE, id });
    if (!item) throw new Error(`The note ${id} is gone`);
    return encryptor.decryptDocument(liveNote, item.document);
  }

  /** What every note was last acknowledged to be. */
  get written(): readonly LiveNote[] {
    return [...this.#written.values()];
  }

  /** As the container has them. */
  async stored(): Promise<ReadonlyMap<string, StoredDocumentItem<StoredNote>>> {
    const { items } = await this.store.list({ pageSize: 1_000 });
    return new Map(items.map((item) => [item.document.id, item]));
  }

  /** The operator's query, on the raw container. */
  async rowsNotUnder(mekVersion: string): Promise<number> {
    const { resources } = await this.#access.deks.container.items
      .query<number>({
        query: 'SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != @new',
        parameters: [{ name: '@new', value: mekVersion }],
      })
      .fetchAll();
    return resources.reduce((total, part) => total + part, 0);
  }

  /** Deletes everything that was made since the last time. */
  async sweep(): Promise<void> {
    const { deks, documents } = this.#access;
    for (const target of [deks, documents]) await target.sweep(this.#run.ledger);
    this.#written.clear();
  }
}
