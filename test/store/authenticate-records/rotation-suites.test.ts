/** Rotations once more, with every record authenticated: nothing is different, but for the macs. */
import { overAuthenticatedRecords } from '../../support/records-suite.js';

overAuthenticatedRecords();

// Each of them is run without macs as well.
await import('../../rotation/rewrap.test.js');
await import('../../rotation/bad-rows.test.js');
await import('../../rotation/rollback.test.js');
await import('../../rotation/beside.test.js');
await import('../../rotation/guards.test.js');
await import('../../rotation/lost-answers.test.js');
await import('../../rotation/stopping.test.js');
await import('../../inspection/take-census/census.test.js');
await import('../../rotation/races/abort.test.js');
await import('../../rotation/races/everything-at-once.test.js');
await import('../../rotation/races/fence.test.js');
await import('../../rotation/races/late-creates.test.js');
await import('../../rotation/races/late-joiners.test.js');
await import('../../rotation/races/rollback.test.js');
await import('../../rotation/races/shred.test.js');
await import('../../rotation/races/two-rewrappers.test.js');
await import('../../rotation/races/writers.test.js');
await import('../../rotation/crashes/crossing.test.js');
await import('../../rotation/properties/sequences.test.js');
await import('../../rotation/rollback-proof.test.js');
await import('../../rotation/shards.test.js');
await import('../../rotation/shard-troubles.test.js');
await import('../../rotation/races/shards.test.js');
await import('../../inspection/find-unreadable-rows.test.js');
