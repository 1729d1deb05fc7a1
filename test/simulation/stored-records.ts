import type { DekRow, LiveDekRow } from '../../src/adapters.js';
import { PRODUCT } from '../support/encryptor.js';
import type { Life, Simulation } from './simulation.js';

/** Until every read shows what was written, and the vault has applied every change. */
export async function untilSeen({ sim, process }: Life): Promise<void> {
  await process.clock.sleep(sim.weather.lagMs + sim.weather.vaultLagMs);
}

/** As they are, without any lag. */
export function liveRows({ dekStore }: Simulation): readonly LiveDekRow[] {
  const rows: readonly DekRow[] = [...dekStore.rows.values()].map(({ row }) => row);
  return rows.filter(
    (row): row is LiveDekRow => row.state !== 'shredded' && row.product === PRODUCT,
  );
}

export function recordOf({ dekStore }: Simulation): NonNullable<FakeRecord> {
  const { record } = dekStore;
  if (!record) throw new Error('I8: there is no rotation record');
  return record;
}

type FakeRecord = Simulation['dekStore']['record'];
