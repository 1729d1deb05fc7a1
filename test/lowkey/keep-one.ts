/** Keeps a process with the code that it is given, for a test that kills this one. @module */
import { KeptProcess } from './kept-process.js';

const [code = ''] = process.argv.slice(2);
await new KeptProcess(process.execPath, ['--eval', code]).exited;
