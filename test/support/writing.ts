import type { DocumentStore, UpdateDocumentOptions } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import type { ManualClock } from './clock.js';
import { turn } from './deferred.js';
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
export type AnyChange = (
  stored: Loose | undefined,
) => Loose | Promise<Loose | undefined> | undefined;

/** Changes the document `KEY`; time passes while it waits between attempts. */
export function update(
  { made, store }: Writing,
  change: AnyChange,
  options: UpdateDocumentOptions = {},
): Promise<Loose | undefined> {
  const { encryptor, clock } = made;
  const work = encryptor.updateDocument(note, store as never, KEY, change as never, options);
  return passing(clock, work) as Promise<Loose | undefined>;
}

const STEP_MS = 20;

/** Lets time pass in small steps, while a process sleeps and the work is not done. */
export async function passing<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const progress = { isOver: false };
  const done = work.finally(() => {
    progress.isOver = true;
  });
  done.catch(() => undefined);
  while (!progress.isOver) {
    await turn();
    if (clock.sleeping > 0) clock.advance(STEP_MS);
  }
  return done;
}

export async function bodyOf({ made, notes }: Writing): Promise<unknown> {
  const stored = await notes.get(KEY);
  return (await decryptAny(made.encryptor, stored?.document))['body'];
}
