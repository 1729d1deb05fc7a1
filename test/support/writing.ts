import type { DocumentStore } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { decryptAny, KEY, note, setup, type Loose, type Setup } from './encryptor.js';
import { probed, type Probe } from './probe.js';

/** An encryptor and a document store; `notes` is the store without its probe. */
export interface Writing {
  readonly made: Setup;
  readonly notes: MemoryDocumentStore;
  readonly store: DocumentStore;
  readonly probe: Probe;
}

export function writing(): Writing {
  const notes = new MemoryDocumentStore({ key: note.key });
  const [store, probe] = probed<DocumentStore>(notes);
  return { made: setup(), notes, store, probe };
}

export type Change = (stored: Loose | undefined) => Loose | undefined;

/** Changes the document `KEY`. */
export function update({ made, store }: Writing, change: Change): Promise<Loose | undefined> {
  return made.encryptor.updateDocument(note, store as never, KEY, change as never) as never;
}

export async function bodyOf({ made, notes }: Writing): Promise<unknown> {
  const stored = await notes.get(KEY);
  return (await decryptAny(made.encryptor, stored?.document))['body'];
}
