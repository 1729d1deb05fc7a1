import { PRODUCT, recordMacOf } from './format.mjs';
import { RECORD_KEY } from './row-cases.mjs';
import { EMOJI } from './sample-names.mjs';

function reencryption(collection, generationFloor, createdBefore) {
  return {
    id: `reencryption:${collection}`,
    scopeId: `lease:${PRODUCT}`,
    type: 'reencryption',
    schema: 1,
    product: PRODUCT,
    collection,
    createdBefore,
    generationFloor,
    startedAt: '2026-12-02T08:00:00.000Z',
  };
}

export function reencryptions() {
  const plain = reencryption('notes', 2, '2026-12-02T07:59:59.999Z');
  const awkward = reencryption(`a:"${EMOJI}\u0000`, 1_048_577, '2026-11-01T00:00:00.000Z');
  return [
    { name: 'of notes', item: plain },
    { name: 'of an awkward collection', item: awkward },
    { name: 'of notes, authenticated', item: { ...plain, ...recordMacOf(RECORD_KEY, plain) } },
  ];
}
