import type { Claim } from './claims.js';
import { forge } from './forgeries.js';
import { note, type EncryptedNote } from './note.js';
import { openNotebook, type Notebook } from './notebook.js';
import type { Say, Stage } from './stage.js';

const [SHOWN, OTHER] = ['Austria: Introduction', 'Germany: Introduction'];

/** The third act: shows a note in mode strict, and tries to cheat. */
export async function showAndForge({ setting, say }: Stage): Promise<Claim> {
  const notebook = await openNotebook(setting.place, setting.oldKeyAlone);
  say('\n3. One note, at rest and in clear:');
  await showOne(notebook, say);
  say('\n   Cheating:');
  const refused = await tryToCheat(notebook, say);
  notebook.close();
  return refused;
}

async function showOne(notebook: Notebook, say: Say): Promise<void> {
  const atRest = await get(notebook, SHOWN);
  say(cut(atRest, 19));
  say(cut(await notebook.encryptor.decryptDocument(note, atRest), 14));
}

async function tryToCheat(notebook: Notebook, say: Say): Promise<Claim> {
  const [mine, other] = [await get(notebook, SHOWN), await get(notebook, OTHER)];
  const forgeries = await forge(notebook.encryptor, mine, other);
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
