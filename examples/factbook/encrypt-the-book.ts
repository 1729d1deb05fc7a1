import { cheat } from './cheating.js';
import type { Claim } from './claims.js';
import { note, type EncryptedNote, type Note } from './note.js';
import { openNotebook, type Notebook } from './notebook.js';
import { passagesOf } from './plain-passages.js';
import type { Say, Stage } from './stage.js';

const AT_ONCE = 16;
const [SHOWN, OTHER] = ['Austria: Introduction', 'Germany: Introduction'];

export interface Seeded {
  readonly claims: readonly Claim[];
  /** Of the notes, to be looked for in what is stored. */
  readonly passages: readonly string[];
}

/** The first act: stores the notes, shows one, and tries to cheat. */
export async function encryptTheBook({ setting, say }: Stage): Promise<Seeded> {
  const notebook = await openNotebook(setting.place, setting.oldKeyAlone);
  const plain = notebook.book();
  say(`1. Encrypting ${String(plain.length)} notes, each under a key of its own …`);
  const stored = await storeAll(notebook, plain);
  say('\n2. One note, at rest and in clear:');
  await showOne(notebook, say);
  say('\n3. Cheating:');
  const refused = await tryToCheat(notebook, say);
  notebook.close();
  return { claims: [stored, refused], passages: passagesOf(plain) };
}

async function storeAll({ encryptor, notes }: Notebook, plain: readonly Note[]): Promise<Claim> {
  const queue = plain.values();
  const work = async (): Promise<void> => {
    for (const each of queue) await notes.create(await encryptor.encryptDocument(note, each));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const deks = await encryptor.dekStore.count({ product: encryptor.product });
  const claim = `each note has a key of its own: ${String(deks)} keys, ${String(plain.length)} notes`;
  return [claim, deks === plain.length];
}

async function showOne(notebook: Notebook, say: Say): Promise<void> {
  const atRest = await get(notebook, SHOWN);
  say(cut(atRest, 19));
  say(cut(await notebook.encryptor.decryptDocument(note, atRest), 14));
}

async function tryToCheat(notebook: Notebook, say: Say): Promise<Claim> {
  const [mine, other] = [await get(notebook, SHOWN), await get(notebook, OTHER)];
  const forgeries = await cheat(notebook.encryptor, mine, other);
  for (const { what, code } of forgeries) say(`   ${what}: ${code ?? 'ACCEPTED'}`);
  const [all, refused] = [forgeries.length, forgeries.filter(({ isRefused }) => isRefused).length];
  return [`forgeries are refused: ${String(refused)} of ${String(all)}`, refused === all];
}

async function get({ notes, book }: Notebook, title: string): Promise<EncryptedNote> {
  const plain = book().find((each) => each.title === title);
  const item = plain && (await notes.get({ ...plain }));
  if (!item) throw new Error(`The note "${title}" is not in the book`);
  return item.document;
}

function cut(value: unknown, lines: number): string {
  const all = JSON.stringify(value, null, 2).split('\n');
  const shown = all
    .slice(0, lines)
    .map((line) => (line.length > 96 ? `${line.slice(0, 95)}…` : line));
  return [...shown, '  …'].map((line) => `   ${line}`).join('\n');
}
