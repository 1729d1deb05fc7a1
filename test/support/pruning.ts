import {
  prunePreviousWraps,
  type PrunePreviousWrapsOptions,
  type MaintenanceEvent,
  type MaintenanceSummary,
} from '../../src/index.js';
import type { Setup } from './encryptor.js';
import { pull } from './rotations.js';

export interface Pruned {
  readonly events: readonly MaintenanceEvent[];
  readonly summary: MaintenanceSummary;
}

/** By default whatever was displaced up to now. */
export async function prune(
  { encryptor, clock }: Setup,
  options: Partial<PrunePreviousWrapsOptions> = {},
): Promise<Pruned> {
  clock.advance(1);
  const rewrappedBefore = new Date(clock.wallMs());
  const pruning = prunePreviousWraps(encryptor, { rewrappedBefore, ...options });
  const events: MaintenanceEvent[] = [];
  for (;;) {
    const { done, value } = await pull(pruning, clock);
    if (done) return { events, summary: value };
    events.push(value);
  }
}

export function upkeepOfType<T extends MaintenanceEvent['type']>(
  { events }: Pruned,
  type: T,
): Extract<MaintenanceEvent, { readonly type: T }>[] {
  return events.filter((event) => event.type === type) as never;
}
