import { draft } from './draft.js';
import type { Acts, Figures } from './figures.js';
import { passagesOf } from './plain-passages.js';
import type { Say, Stage } from './stage.js';

/** What should be so, with the numbers that show whether it is. */
export type Claim = readonly [claim: string, holds: boolean];

/** None of the passages, and of the drafts, is in clear in anything that the demo stores. */
export async function secrecyClaim({ setting }: Stage, seeded: readonly string[]): Promise<Claim> {
  const passages = [...seeded, ...passagesOf([draft('', 1)])];
  const found = (await setting.findInClear(passages)).length;
  const counts = `${n(found)} of ${n(passages.length)}`;
  const claim = `in the end no passage is in clear ${setting.everywhere}: ${counts}`;
  return [claim, passages.length > 0 && found === 0];
}

export async function rotationClaims(
  { setting }: Stage,
  { rotation }: Acts,
  figures: Figures,
): Promise<Claim[]> {
  const { documents, rewrapped, leftOnOldVersion: left, documentsChanged: changed } = figures;
  const { summary, census, oldVersion } = rotation;
  const leftBySql = await setting.countKeysUnder(oldVersion);
  return [
    [
      `the rotation is complete: ${n(rewrapped)} keys rewrapped`,
      summary.complete && rewrapped >= documents,
    ],
    [
      `no key is left on the old version: ${n(left)} by the census, ${n(leftBySql)} by plain SQL`,
      census.settled && left === 0 && leftBySql === 0,
    ],
    [
      `no byte of a seeded note changed since the backfill: ${n(changed)} of ${n(documents)} did`,
      documents > 0 && changed === 0,
    ],
  ];
}

export function trafficClaims({ rotation, opened }: Acts, figures: Figures): Claim[] {
  const { readsDuringRotation: reads, writesDuringRotation: writes } = figures;
  const { unwrapsOld, unwrapsNew } = figures;
  const { failures } = rotation.traffic;
  const { refused, unexpected, lost } = opened;
  return [
    [
      `a second process read and wrote meanwhile: ${n(reads)} reads, ${n(writes)} writes, ${n(failures)} failures`,
      reads > 0 && writes > 0 && failures === 0,
    ],
    [
      `it unwrapped under both versions: ${n(unwrapsOld)} keys under the old, ${n(unwrapsNew)} under the new`,
      unwrapsOld > 0 && unwrapsNew > 0,
    ],
    [
      `the new key alone opens all that was acknowledged: ${n(opened.opened)} notes, ${n(refused)} refused, ${n(lost)} lost`,
      opened.opened > 0 && refused === 0 && unexpected === 0 && lost === 0,
    ],
  ];
}

export async function reencryptionClaims(
  { setting }: Stage,
  { reencryption }: Acts,
): Promise<Claim[]> {
  const { summary, drafts, oldCopy } = reencryption;
  const { complete, shredded, skipped } = summary;
  const tombstones = await setting.countShreddedKeys();
  return [
    [
      `one workspace has fresh keys: ${n(drafts)} notes, ${n(shredded)} old keys shredded, ${n(tombstones)} by plain SQL; ${n(skipped)} notes let alone`,
      complete && drafts > 0 && shredded === drafts && tombstones === drafts,
    ],
    [
      `a copy of a note from before is unreadable: ${oldCopy ?? 'IT OPENS'}`,
      oldCopy === 'DEK_SHREDDED',
    ],
  ];
}

/** What is not so goes to stderr, and makes the process fail. */
export function printClaims(claims: readonly Claim[], say: Say): void {
  say('\nSummary');
  for (const [claim, holds] of claims) {
    if (holds) say(`  ✓ ${claim}`);
    else console.error(`  ✗ NOT SO: ${claim}`);
  }
  if (claims.every(([, holds]) => holds)) return;
  console.error('\nSomething that this demo claims is not so.');
  process.exitCode = 1;
}

function n(count: number): string {
  return count.toLocaleString('en');
}
