/** The last process of the demo: has the new key alone, opens every note, and prints what it found. */
import { argv } from 'node:process';
import { lastRevisions } from './acknowledged-writes.js';
import { draft } from './draft.js';
import { digestOf, note, type EncryptedNote, type Note } from './note.js';
import { openNotebook, storedNotes } from './notebook.js';

/** What the last process found, as it says itself. */
export interface Opened {
  readonly pid: number;
  readonly opened: number;
  /** Notes that cannot be opened. */
  readonly refused: number;
  /** Notes that no process reported as written. */
  readonly unexpected: number;
  /** Notes that were written and are gone, refused, or of other values than were written last. */
  readonly lost: number;
}

const NAMED_REFUSALS = 3;

const [place = '', journal = ''] = argv.slice(2);
const notebook = await openNotebook(place);
const drafts = Array.from(lastRevisions(journal), ([id, revision]) => draft(id, revision));
const written = [...notebook.book(), ...drafts];
const expected = new Map(written.map((each) => [keyOf(each), digestOf(each)]));
const found = { opened: 0, refused: 0, unexpected: 0 };

for await (const page of storedNotes(notebook)) await open(page);
notebook.close();
const opened: Opened = { pid: process.pid, ...found, lost: expected.size };
console.log(JSON.stringify(opened));

async function open(page: readonly EncryptedNote[]): Promise<void> {
  const outcomes = await notebook.encryptor.decryptDocuments(note, page);
  for (const outcome of outcomes) {
    if (outcome.ok) tick(outcome.document);
    else refuse(outcome.error);
  }
}

function refuse(error: unknown): void {
  found.refused += 1;
  if (found.refused <= NAMED_REFUSALS)
    console.error(`   A note cannot be opened: ${String(error)}`);
}

function tick(plain: Note): void {
  const key = keyOf(plain);
  found.opened += 1;
  if (!expected.has(key)) found.unexpected += 1;
  if (expected.get(key) === digestOf(plain)) expected.delete(key);
}

function keyOf({ workspaceId, id }: Note): string {
  return JSON.stringify([workspaceId, id]);
}
