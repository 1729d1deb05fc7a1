/** Sealing, opening and shredding once more, with every record authenticated: nothing is different, but for the macs. */
import { isSlow } from '../../support/lane.js';
import { overAuthenticatedRecords } from '../../support/records-suite.js';

overAuthenticatedRecords();

// Each of them is run without macs as well.
if (!isSlow) {
  await import('../../dek/scope-shredder/shred.test.js');
  await import('../../dek/sealing-deks/sealing.test.js');
} else {
  await import('../../cipher/open-document.test.js');
  await import('../../cipher/document-updater/update-document.test.js');
  await import('../../dek/dek-creator/late-create.test.js');
  await import('../../cipher/document-write/late-writes.test.js');
  await import('../../cipher/document-reader/decrypt-documents.test.js');
  await import('../../encryptor/field-encryptor/costs.test.js');
}
