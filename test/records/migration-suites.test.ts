/** Migrations once more, with every record authenticated: nothing is different, but for the macs. */
import { overAuthenticatedRecords } from '../support/records-suite.js';

overAuthenticatedRecords();

await import('../migration/backfill.test.js');
await import('../migration/reencrypt.test.js');
await import('../migration/reencrypt-guards.test.js');
await import('../migration/reencrypt-source.test.js');
await import('../migration/reencryption-floor.test.js');
await import('../migration/lease.test.js');
await import('../migration/finding-deks.test.js');
await import('../migration/remove-encryption.test.js');

// Many runs of many steps, and the rotation's crashes are run either way.
if (process.env['SLOW'] === '1') {
  await import('../migration/crashes.test.js');
  await import('../migration/interleavings.test.js');
}
