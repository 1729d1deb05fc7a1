/** The items of `dek_store`, as a backup of the database, or a person in the portal, treats them. @module */
import type { Container } from '@azure/cosmos';
import type { StoryWorld } from '../story-world.js';

export interface StoredItem {
  readonly id: string;
  readonly scopeId: string;
  readonly [property: string]: unknown;
}

const DATABASE = 'notelett';
const CONTAINER = 'dek_store';

export class DekContainer {
  readonly #world: StoryWorld;

  constructor(world: StoryWorld) {
    this.#world = world;
  }

  async items(): Promise<readonly StoredItem[]> {
    return (await this.#container().items.readAll<StoredItem>().fetchAll()).resources;
  }

  /** Of the DEK rows of a note. */
  async rowsOf(noteId: string): Promise<readonly StoredItem[]> {
    const items = await this.items();
    return items.filter(({ scope }) => Array.isArray(scope) && scope.includes(noteId));
  }

  async replace(item: StoredItem): Promise<void> {
    await this.#container().item(item.id, item.scopeId).replace(item);
  }

  async remove({ id, scopeId }: StoredItem): Promise<void> {
    await this.#container().item(id, scopeId).delete();
  }

  /** As a backup that is restored in place. */
  async becomes(items: readonly StoredItem[]): Promise<void> {
    for (const item of await this.items()) await this.remove(item);
    for (const item of items) await this.#container().items.create(item);
  }

  /** As a restored copy in a database of its own, which the operator's configuration then has as `restored`. */
  async copyIsRestored(items: readonly StoredItem[], database: string): Promise<void> {
    const client = this.#world.azure.cosmos.client();
    await client.databases.createIfNotExists({ id: database });
    const { container } = await client
      .database(database)
      .containers.createIfNotExists({ id: CONTAINER, partitionKey: { paths: ['/scopeId'] } });
    for (const item of items) await container.items.create(item);
    this.#world.shell.export({ RESTORED_COSMOS_DATABASE: database });
  }

  #container(): Container {
    return this.#world.azure.cosmos.client().database(DATABASE).container(CONTAINER);
  }
}
