/** A call that takes a signal, and what it works on. @module */
import type { CallOptions } from '../../../src/index.js';
import { encryptAny, KEY, setup, type Loose, type Setup, type SetupOptions } from '../encryptor.js';
import { notes, type Notes } from '../migrations.js';
import type { Probe } from '../probe.js';
import { targetOf, withKeys, writeNotes } from '../rotations.js';

/** What can fail to answer. */
export type Part = 'documents' | 'store' | 'vault';

/** Two processes: one has written a document, the other has nothing in memory yet. */
export interface CallWorld {
  readonly author: Setup;
  /** Of the process that makes the call. */
  readonly made: Setup;
  readonly documents: Notes;
  readonly stored: Loose;
  readonly probes: Readonly<Record<Part, Probe>>;
}

type Call = (options: CallOptions) => Promise<unknown>;

export interface AbortableCall {
  /** As it is exported, or `Class.method`. */
  readonly of: string;
  /** All that it asks something of. */
  readonly uses: readonly Part[];
  /** What it loads or makes goes on for other callers that wait for the same. */
  readonly isShared?: true;
  /** It waits a second for what it has in flight. */
  readonly isRun?: true;
  /** Of the process that makes the call. */
  readonly settings?: SetupOptions;
  /** Arranges everything, and gives the call alone. */
  readonly ready: (world: CallWorld) => Call | Promise<Call>;
}

export async function callWorld({ settings = {} }: AbortableCall): Promise<CallWorld> {
  const author = setup(settings);
  const stored = await encryptAny(author.encryptor, { ...KEY, body: 'text' });
  await writeNotes(author, 2);
  const documents = notes();
  await documents.memory.create(stored);
  const made = withKeys(author, ['b', 'a'], settings);
  const probes = { store: made.store, vault: made.provider, documents: documents.probe };
  return { author, made, documents, stored, probes };
}

/** Runs a generator to its end. */
export async function drained(run: AsyncGenerator): Promise<void> {
  while (!(await run.next()).done);
}

export const TO_B = await targetOf('b');
export const TO_A = await targetOf('a');
