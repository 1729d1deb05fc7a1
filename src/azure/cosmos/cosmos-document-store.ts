/** Documents in a container of Azure Cosmos DB. @module */
import type {
  Container,
  ContainerDefinition,
  JSONValue,
  PartitionKey,
  SqlQuerySpec,
} from '@azure/cosmos';
import { readOptions, requireIdentifier } from '../../guards/guards.js';
import { documentKeyText } from '../../format/key-scope.js';
import type {
  DocumentKeyProperties,
  DocumentPage,
  DocumentStore,
  DocumentStoreOptions,
  ListDocumentsOptions,
  StoredDocumentItem,
} from '../../store/document-store.js';
import { readCallOptions } from '../../store/dek-store.js';
import { readDocumentListing } from '../../store/key-prefix.js';
import { CheckedContainer } from './checked-container.js';
import { COSMOS_STORE_OPTIONS, type CosmosStoreOptions } from './cosmos-connection.js';
import { CosmosItems, type ItemPlace } from './cosmos-items.js';
import { CosmosQueries } from './cosmos-queries.js';
import { requirePartitionKey } from './dek-container.js';
import {
  newContentOf,
  nextContentOf,
  SYSTEM_PROPERTIES,
  withoutSystemProperties,
  type CosmosItem,
  requireItemId,
  requirePartitionKeyValue,
} from './item-content.js';

export interface CosmosDocumentStoreOptions extends CosmosStoreOptions {
  /**
   * The properties of the container's partition key, without slashes; several for a hierarchical partition
   * key.
   */
  readonly partitionKey: string | readonly string[];
  /** Which items of the container are documents of the store. @default all */
  readonly where?: DocumentCondition;
}

/** A condition in the SQL of Cosmos DB, on an item `c`. */
export interface DocumentCondition {
  /** For example `c.kind = @kind`. */
  readonly condition: string;
  /** Values by parameter name, the `@` included. */
  readonly parameters?: Readonly<Record<string, JSONValue>>;
}

const OPTIONS: readonly (keyof CosmosDocumentStoreOptions)[] = [
  'partitionKey',
  'where',
  ...COSMOS_STORE_OPTIONS,
];

/**
 * Keeps the documents of one collection in a container of Azure Cosmos DB, for migrations.
 *
 * A document is identified by its partition key and its `id`, so these are the key properties of its
 * definition. Documents are returned without the properties that Cosmos DB adds: `_attachments`, `_etag`,
 * `_rid`, `_self` and `_ts`. Your documents cannot have properties with these names: `create` refuses them,
 * and `replace` accepts them only as Cosmos DB returned them, and leaves them out. Lost answers to writes,
 * consistency and the check of the account are handled as in {@link CosmosDekStore}.
 *
 * `where` narrows `list` and `count`; `get` and the writes use the key alone.
 *
 * @throws {@link StoreError} from every method: `STORE_UNAVAILABLE` while Cosmos DB cannot be reached or
 *   throttles - try again; `STORE_FAILED` for anything else - do what the message says. TypeError where a
 *   document lacks a key property, RangeError where Cosmos DB cannot hold it (`/`, `\`, `?`, `#` in an id),
 *   and for a property that Cosmos DB reserves: nothing was written.
 *
 * @example
 * ```ts
 * import { CosmosClient } from '@azure/cosmos';
 * import { DefaultAzureCredential } from '@azure/identity';
 * import { CosmosDocumentStore } from '@bytelyst/field-encrypt/azure/cosmos';
 *
 * const client = new CosmosClient({
 *   endpoint: 'https://notelett.documents.azure.com',
 *   aadCredentials: new DefaultAzureCredential(),
 * });
 * const notes = new CosmosDocumentStore(client.database('notelett').container('content'), {
 *   partitionKey: 'workspaceId',
 *   where: { condition: 'c.kind = @kind', parameters: { '@kind': 'note' } },
 * });
 *
 * export const countNotes = () => notes.count();
 * ```
 */
export class CosmosDocumentStore<
  Document extends object = Record<string, unknown>,
> implements DocumentStore<Document> {
  readonly reservedProperties: readonly string[] = SYSTEM_PROPERTIES;
  readonly #items: CosmosItems;
  readonly #queries: CosmosQueries;
  readonly #partitionKey: readonly string[];
  readonly #key: readonly string[];
  readonly #where: DocumentCondition | undefined;

  /** @throws TypeError or RangeError where `partitionKey` names no properties. */
  constructor(container: Container, options: CosmosDocumentStoreOptions) {
    const own = readOptions(options, OPTIONS);
    const { partitionKey, where } = own;
    this.#partitionKey = propertyNames(partitionKey);
    this.#key = [...new Set([...this.#partitionKey, 'id'])];
    this.#where = where && readOptions(where, ['condition', 'parameters'], 'where');
    const paths = this.#partitionKey.map((name) => `/${name}`);
    const rule = (definition: ContainerDefinition, place: string): void => {
      requirePartitionKey(definition, paths, place);
    };
    const remedy = `create it, with the partition key ${paths.join(', ')}`;
    const checked = new CheckedContainer(container, own, rule, remedy);
    this.#items = new CosmosItems(checked);
    this.#queries = new CosmosQueries(checked);
  }

  async create(
    document: Document,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    const [place, content] = [this.#placeOf(document), newContentOf(document)];
    return documentIn(await this.#items.create(place, content, readCallOptions(options)));
  }

  async get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document> | undefined> {
    const item = await this.#items.read(this.#placeOf(key), readCallOptions(options));
    return item && documentIn(item);
  }

  async replace(
    document: Document,
    oldEtag: string,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    const [place, content] = [this.#placeOf(document), nextContentOf(document, oldEtag)];
    const own = readCallOptions(options);
    return documentIn(await this.#items.replace(place, content, oldEtag, own));
  }

  async delete(
    key: DocumentKeyProperties,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<void> {
    await this.#items.delete(this.#placeOf(key), etag, readCallOptions(options));
  }

  /**
   * With a `prefix` that covers the partition key, only that partition is read.
   *
   * @throws RangeError for a page size outside 1 to 10 000, for a continuation that is not of a listing with the
   *   same prefix, and for a prefix that does not have the first key parts: those of the partition key, then
   *   the `id`.
   */
  async list(options?: ListDocumentsOptions): Promise<DocumentPage<Document>> {
    const own = readDocumentListing(this.#key, options);
    const { parts } = own.prefix;
    const query = this.#select('SELECT * FROM c', parts);
    const page = await this.#queries.page(query, own, this.#partitionIn(parts));
    return own.prefix.mark({
      ...page,
      items: page.items.map((item) => documentIn<Document>(item)),
    });
  }

  async count(options?: DocumentStoreOptions): Promise<number> {
    const query = this.#select('SELECT VALUE COUNT(1) FROM c', []);
    return this.#queries.count(query, readCallOptions(options));
  }

  /** @param parts - The values of the first key parts. */
  #select(select: string, parts: readonly string[]): SqlQuerySpec {
    const { condition, parameters = {} } = this.#where ?? {};
    const conditions = condition === undefined ? [] : [`(${condition})`];
    const values: Record<string, JSONValue> = { ...parameters };
    for (const [at, part] of parts.entries()) {
      const name = `@fieldEncryptKeyPart${String(at)}`;
      conditions.push(`c[${JSON.stringify(this.#key[at])}] = ${name}`);
      values[name] = part;
    }
    if (conditions.length === 0) return { query: select };
    return {
      query: `${select} WHERE ${conditions.join(' AND ')}`,
      parameters: Object.entries(values).map(([name, value]) => ({ name, value })),
    };
  }

  /** `undefined` where the parts do not cover the partition key: the query reads all partitions. */
  #partitionIn(parts: readonly string[]): PartitionKey | undefined {
    const { length } = this.#partitionKey;
    if (parts.length === 0 || parts.length < length) return undefined;
    return parts.slice(0, length);
  }

  #placeOf(document: object): ItemPlace {
    // Called for its refusals: what it accepts has well-formed text for each key part.
    documentKeyText(this.#key, document);
    const parts = document as Readonly<Record<string, string>>;
    const { id = '' } = parts;
    requireItemId('id', id);
    const partitionKey = this.#partitionKey.map((name) => parts[name] ?? '');
    partitionKey.forEach((value, at) => {
      requirePartitionKeyValue(this.#partitionKey[at] ?? '', value);
    });
    return { id, partitionKey, name: 'The document' };
  }
}

function propertyNames(partitionKey: string | readonly string[]): readonly string[] {
  const names = typeof partitionKey === 'string' ? [partitionKey] : [...partitionKey];
  if (names.length === 0) {
    throw new RangeError('"partitionKey" expected the names of at least one property');
  }
  names.forEach((name) => {
    requireIdentifier('partitionKey', name);
    if (/[/"]/.test(name)) {
      throw new RangeError('"partitionKey" expected names of properties, got a path');
    }
  });
  return names;
}

function documentIn<Document extends object>({
  content,
  etag,
}: CosmosItem): StoredDocumentItem<Document> {
  return { document: withoutSystemProperties(content) as Document, etag };
}
