/** The DEK store of a run: its answers are checked, its calls are told of, and its cost is added up. @module */
import type { CallSource } from '../diagnostics/traced-call.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import { MeteredDekStore } from '../store/metered-dek-store.js';
import type { RunCharge } from './run-charge.js';

export function chargedDekStore(
  dekStore: DekStore,
  source: CallSource,
  charge: RunCharge,
): Required<DekStore> {
  return new MeteredDekStore(new CheckedDekStore(dekStore, source), (units) => {
    charge.add(units);
  });
}
