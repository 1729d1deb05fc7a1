import { equal, ok } from 'node:assert/strict';
import type { DekRow, RotationRecord } from '../../../src/adapters.js';
import { takeCensus, type RewrapTarget } from '../../../src/index.js';
import { PRODUCT } from '../encryptor.js';
import { AutoClock } from './auto-clock.js';
import { drive } from './drive.js';
import type { RotateOptions } from './operator.js';
import { nameOf } from './meks.js';
import { requireTamperingFound } from './tampering.js';
import { readerOver, type Watch } from './watch.js';

/** With everybody done and alive, the last rotation left nothing: no rerun is needed. */
export async function requireSettled({ memory, snapshot }: Watch): Promise<void> {
  const census = await takeCensus({ product: PRODUCT, dekStore: memory });
  ok(census.settled, `not settled: ${JSON.stringify(census)}`);
  for (const { row } of snapshot.rows.values()) requireAtTarget(row, snapshot.record);
}

/** One more plain run completes, by default to the record's target; another after it writes nothing. */
export async function requireConvergence(
  watch: Watch,
  options: RotateOptions = { target: targetIn(watch) },
): Promise<void> {
  await runAgain(watch, options);
  await requireSettled(watch);
  const { etags } = watch.snapshot;
  await runAgain(watch, options);
  equal(watch.snapshot.etags, etags, 'I8: a run after the last one has written');
  requireOneActive(watch);
  await requireFinalKeyOpensAll(watch);
}

/** After a race: it converges, and what was tampered with is still found. */
export async function requireSound(watch: Watch, options?: RotateOptions): Promise<void> {
  await requireConvergence(watch, options);
  await requireTamperingFound(watch);
}

function targetIn({ snapshot: { record } }: Watch): RewrapTarget {
  ok(record, 'there is no rotation record');
  return { mekVersion: record.mekVersion };
}

/** By a fresh process, which has to complete it. */
export async function runAgain(watch: Watch, options: RotateOptions): Promise<void> {
  const process = watch.process('rerun', { clock: new AutoClock() });
  const { error, summary } = await drive(watch, process, options);
  if (error) throw error as Error;
  ok(summary?.complete, 'the rerun is not complete');
  watch.journal.lateCreates.clear();
  await watch.check();
}

function requireAtTarget(row: DekRow, record: RotationRecord | undefined): void {
  if (row.state === 'shredded') return;
  equal(row.epoch, record?.epoch, `${row.id} is not at the record's epoch`);
  equal(row.mekVersion, record?.mekVersion, `${row.id} is not on the record's target`);
}

/** I5, at rest. */
function requireOneActive({ snapshot }: Watch): void {
  const scopes = [...snapshot.rows.values()]
    .filter(({ row }) => row.state === 'active')
    .map(({ row }) => row.scopeId);
  equal(new Set(scopes).size, scopes.length, 'I5: two active generations of one scope');
}

async function requireFinalKeyOpensAll(watch: Watch): Promise<void> {
  const { record } = watch.snapshot;
  const reader = readerOver(watch.memory, record ? [nameOf(record)] : []);
  await watch.documents.openAll(reader, (dekId) => watch.rowOf(dekId));
}
