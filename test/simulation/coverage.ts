import { Tally } from '../support/rotation/tally.js';

/** What a hundred seeds must have brought about between them, so that none of it is left untried. */
const MUST_HAPPEN = [
  'answers that were late',
  'answers that were lost',
  'answers that were refused',
  'answers that were repeated',
  'censuses',
  'changes that were acknowledged',
  'changes that were made again after a lost race',
  'clocks that were set',
  'crashes',
  'DEKs that a restore lost',
  'DEKs that were retired',
  'DEKs that were shredded',
  'disabled MEK versions that were met',
  'documents rewritten by backfill',
  'documents rewritten by re-encrypter',
  'documents that were erased',
  'documents that were read',
  'leases that were waited for',
  'lost races over a document',
  'lost races over a lease',
  'lost races over a rotation',
  'lost races over a row',
  'MEK versions that were deleted',
  'MEK versions that were disabled',
  'MEK versions that were retired',
  'migrations that were refused or superseded',
  'orphans that were found',
  'plaintext that was refused',
  'reads that were late',
  'restores',
  'rewraps that were overtaken',
  'rewraps that were stopped: abort',
  'rewraps that were stopped: leave',
  'rollbacks',
  'rotations that came to their end',
  'rows that flipped back',
  'rows that were behind, and were brought along',
  'rows that were made behind a cursor',
  'rows that were made late',
  'rows that were repaired',
  'rows that were rewrapped',
  'searches for missing DEKs',
  'takeovers',
  'tampering that was found',
  'unknown MEK versions that were met',
  'writes that landed after their process',
  'writes that landed late',
];

export function coverage(): Tally {
  const tally = new Tally();
  for (const name of MUST_HAPPEN) tally.add(name, false);
  return tally;
}
