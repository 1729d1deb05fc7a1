/** What takes options, and what it works on. @module */
import { MemoryDocumentStore } from '../../../src/testing/index.js';
import { KEY, note, setup, type Setup } from '../encryptor.js';

/** What the calls work on. */
export interface OptionWorld extends Setup {
  readonly documents: MemoryDocumentStore;
  readonly stored: Readonly<Record<string, unknown>>;
}

/** Something that takes options. */
export interface OptionBag {
  /** As it is exported, or `FieldEncryptor.method`. */
  readonly of: string;
  /** Name of the part that has these options, where they are not those of the call itself. */
  readonly owner?: string;
  /** It may hold more than these: only what looks like one of them is refused. */
  readonly mayHoldMore?: true;
  /** What it cannot do without. */
  readonly needed: (world: OptionWorld) => Readonly<Record<string, unknown>>;
  /** Names of what it can do without. */
  readonly optional: readonly string[];
  /** What comes of it: a value, a promise, an iterator. */
  readonly use: (options: never, world: OptionWorld) => unknown;
}

export const NONE = (): Readonly<Record<string, unknown>> => ({});

export async function optionWorld(): Promise<OptionWorld> {
  const made = setup();
  const plain = { ...KEY, body: 'text' };
  const stored = { ...(await made.encryptor.encryptDocument(note, plain)) };
  const documents = new MemoryDocumentStore({ key: note.key });
  await documents.create(stored);
  return { ...made, documents, stored };
}
