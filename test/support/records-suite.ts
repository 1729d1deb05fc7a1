import { beforeEach } from 'vitest';
import { authenticateAll } from './encryptor.js';
import { repeatAsInFastLane } from './lane.js';
import { RECORD_KEY } from './records.js';

/** Tests that say nothing here: by name, and why. */
const LEFT_OUT = new Map([
  ['is one with a mac, which would not be true any more', 'it is made anew'],
  ['leaves a row with a mac alone: it would no longer be true', 'it is made anew'],
  ['takes twice the read lag of the store longer', 'passes the bare store by hand'],
  ['needs no cache, and no encryptor', 'passes the bare store by hand'],
  [
    'with a mac, which cannot be renewed without the record key is an event, and not the end',
    'it can',
  ],
  ['with a mac is not rewritten', 'it is'],
  ['does not write over a row that someone sealed with a mac since', 'it may'],
  ['is not written over without the key of its mac', 'it has the key'],
  ['writes no row with a mac, which would no longer be true', 'it is made anew'],
  ['does not keep the others from being shredded: a row with a mac', 'it is shredded too'],
  [
    'waits longer where reads of the store lag: before it lists rows, for writers, for its own scan',
    'puts the lag beside the store, not into it',
  ],
  [
    'is watched for longer where reads of the store lag',
    'puts the lag beside the store, not into it',
  ],
  [
    'does not report as its own what someone else retired, while its own write failed',
    'puts a row with its mac through the key again',
  ],
  [
    'opens DEKs whose rows are lost from a restored store, above their generation',
    'puts a bare rotation record into the store',
  ],
]);

/** Call it before the tests of others are imported: every record is authenticated from then on. */
export function overAuthenticatedRecords(): void {
  authenticateAll(RECORD_KEY);
  repeatAsInFastLane();
  beforeEach(({ task, skip }) => {
    skip(LEFT_OUT.has(task.name), LEFT_OUT.get(task.name));
  });
}
