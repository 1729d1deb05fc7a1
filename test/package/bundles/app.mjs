// With env keys alone: nothing in it names a package of Azure.
import { runNotes } from './run-notes.mjs';

runNotes();
