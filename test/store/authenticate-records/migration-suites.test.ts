/** Migrations once more, with every record authenticated: nothing is different, but for the macs. */
import { overAuthenticatedRecords } from '../../support/records-suite.js';

overAuthenticatedRecords();

// Each of them is run without macs as well.
await import('../../migration/reencrypt.test.js');
await import('../../migration/backfill.test.js');
await import('../../migration/lease.test.js');
await import('../../migration/reencrypt-guards.test.js');
await import('../../migration/reencrypt-source.test.js');
await import('../../migration/reencryption-floor.test.js');
await import('../../inspection/find-missing-deks/finding-deks.test.js');
await import('../../migration/remove-encryption.test.js');
await import('../../migration/crashes.test.js');
