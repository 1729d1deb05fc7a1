/** The second process of the demo: reads every note and prints what it read, as one line of JSON. */
import { argv } from 'node:process';
import { fingerprint, openNotebook } from './notebook.js';
import { note, type Note } from './note.js';

const [file = ''] = argv.slice(2);
const { encryptor, notes, close } = await openNotebook(file);
const clear: Note[] = [];
let continuation: string | undefined;
do {
  const page = await notes.list({ pageSize: 500, continuation });
  const stored = page.items.map(({ document }) => document);
  for (const outcome of await encryptor.decryptDocuments(note, stored)) {
    if (!outcome.ok) throw outcome.error;
    clear.push(outcome.document);
  }
  continuation = page.continuation;
} while (continuation !== undefined);
close();
console.log(
  JSON.stringify({ pid: process.pid, read: clear.length, fingerprint: fingerprint(clear) }),
);
