import type { DefinitionRecord } from '../../src/format/definition-record.js';
import { defineDocument, registerDefinitions, type AnyDefinition } from '../../src/index.js';
import { readDefinitionItem } from '../../src/store/dek-store.js';
import { PRODUCT, setup, type Setup, type SetupOptions } from './encryptor.js';

interface LooseShape {
  readonly collection?: string;
  readonly key?: readonly string[];
  readonly stages?: Readonly<Record<string, string>>;
  readonly former?: readonly string[];
}

/** A definition of `notes` whose paths are made up at run time. */
export function defined(fields: readonly string[], shape: LooseShape = {}): AnyDefinition {
  const key = ['workspaceId', 'id'];
  return defineDocument<Record<string, string>>()({
    ...{ collection: 'notes', key, fields },
    ...shape,
  } as never);
}

/** Another process over the same store. */
export function beside(made: Setup, options: SetupOptions = {}): Setup {
  return setup({ beside: made, ...options });
}

/** A process of the product that has registered these paths. */
export async function registered(
  fields: readonly string[],
  options: SetupOptions = {},
): Promise<Setup> {
  const made = setup(options);
  await registerDefinitions(made.encryptor, [defined(fields)]);
  return made;
}

export async function definitionIn(
  { memory }: Setup,
  collection = 'notes',
): Promise<DefinitionRecord | undefined> {
  const item = await readDefinitionItem(memory, PRODUCT, collection);
  return item?.value as DefinitionRecord | undefined;
}

export async function pathsIn(made: Setup, collection?: string): Promise<readonly string[]> {
  return (await definitionIn(made, collection))?.paths ?? [];
}

/** What is `undefined` in the change is gone. */
export async function alterDefinition(
  { memory }: Setup,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const item = await readDefinitionItem(memory, PRODUCT, 'notes');
  const altered = JSON.stringify({ ...(item?.value as DefinitionRecord), ...change });
  await memory.replaceItem(JSON.parse(altered) as DefinitionRecord, item?.etag ?? '');
}
