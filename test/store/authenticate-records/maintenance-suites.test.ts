/** Pruning, retirement and recovery once more, with every record authenticated. */
import { overAuthenticatedRecords } from '../../support/records-suite.js';

overAuthenticatedRecords();

// Each of them is run without macs as well.
await import('../../maintenance/prune-previous-wraps/prune.test.js');
await import('../../maintenance/add-recovery-wraps.test.js');
await import('../../inspection/assert-retirable/assert-retirable.test.js');
await import('../../maintenance/prune-previous-wraps/prune-guards.test.js');
await import('../../recovery/recover-deks.test.js');
await import('../../maintenance/prune-previous-wraps/prune-crashes.test.js');
await import('../../inspection/assert-retirable/backups.test.js');
await import('../../recovery/exact-report.test.js');
await import('../../recovery/lost-deks.test.js');
await import('../../recovery/races.test.js');
await import('../../recovery/recovery-wraps.test.js');
