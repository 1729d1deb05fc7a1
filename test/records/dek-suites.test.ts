/** Sealing, opening and shredding once more, with every record authenticated: nothing is different, but for the macs. */
import { isSlow } from '../support/lane.js';
import { overAuthenticatedRecords } from '../support/records-suite.js';

overAuthenticatedRecords();

// Each of them is run without macs as well.
if (!isSlow) {
  await import('../shred.test.js');
  await import('../sealing.test.js');
  await import('../update-document.test.js');
  await import('../open-document.test.js');
} else {
  await import('../late-create.test.js');
  await import('../late-writes.test.js');
  await import('../decrypt-documents.test.js');
  await import('../costs.test.js');
}
