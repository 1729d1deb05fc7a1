/**
 * Says which passages are in the files of a folder: a line of JSON in, a line of JSON out. A process of
 * its own, since closing a file drops every lock that SQLite has on it in the same process.
 */
import { argv, stdin } from 'node:process';
import { createInterface } from 'node:readline';
import { filesIn, passagesFoundIn } from './plain-passages.js';

const [folder = ''] = argv.slice(2);
for await (const line of createInterface({ input: stdin })) {
  console.log(JSON.stringify(passagesFoundIn(filesIn(folder), JSON.parse(line) as string[])));
}
