import type { Claim } from './claims.js';
import type { Note } from './note.js';
import { openNotebook } from './notebook.js';
import { passagesOf } from './plain-passages.js';
import type { Stage } from './stage.js';

const AT_ONCE = 16;

export interface StoredInClear {
  readonly claim: Claim;
  readonly notes: number;
  /** From the notes, to search for in what is stored. */
  readonly passages: readonly string[];
}

/** The first act: the product as it was, which stores its notes in clear. */
export async function storeInClear({ setting, say }: Stage): Promise<StoredInClear> {
  const { plainNotes, book, close } = await openNotebook(setting.place, setting.oldKeyAlone);
  const plain = book();
  say(`1. Storing ${String(plain.length)} notes in clear, as the product did so far …`);
  const queue: Iterable<Note> = plain.values();
  const work = async (): Promise<void> => {
    for (const each of queue) await plainNotes.create(each);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  close();

  const passages = passagesOf(plain);
  const found = (await setting.findInClear(passages)).length;
  const counts = `${String(found)} of ${String(passages.length)} passages`;
  // One that lies across two pages of a file is not found.
  const claim = `a reader of the database can read the notes, at first: ${counts} found`;
  return { claim: [claim, found > passages.length / 2], notes: plain.length, passages };
}
