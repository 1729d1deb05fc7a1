/** The raw items of `dek_store`, as a backup has them. @module */
import type { Container } from '@azure/cosmos';
import type { StoryWorld } from './story-world.js';

export type StoredRow = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly scopeId: string;
};

function containerOf({ database }: StoryWorld): Container {
  return database.container('dek_store');
}

export async function storedRows(world: StoryWorld): Promise<readonly StoredRow[]> {
  const { resources } = await containerOf(world).items.readAll<StoredRow>().fetchAll();
  return resources;
}

/** What was written since is gone. */
export async function putBack(world: StoryWorld, rows: readonly StoredRow[]): Promise<void> {
  const container = containerOf(world);
  for (const { id, scopeId } of await storedRows(world)) {
    await container.item(id, scopeId).delete();
  }
  for (const row of rows) await container.items.create(row);
}
