/** Sealing, opening and shredding once more, with every record authenticated: nothing is different, but for the macs. */
import { overAuthenticatedRecords } from '../support/records-suite.js';

overAuthenticatedRecords();

await import('../late-create.test.js');
await import('../late-writes.test.js');
await import('../shred.test.js');
await import('../sealing.test.js');
await import('../update-document.test.js');
await import('../open-document.test.js');
await import('../decrypt-documents.test.js');
await import('../costs.test.js');
