import { PRODUCT, recordMacOf } from './format.mjs';
import { RECORD_KEY } from './row-cases.mjs';
import { EMOJI } from './sample-names.mjs';

function definition(collection, key, paths) {
  return {
    id: `definition:${collection}`,
    scopeId: `definition:${PRODUCT}`,
    type: 'definition',
    schema: 1,
    product: PRODUCT,
    collection,
    key,
    paths,
    updatedAt: '2026-12-02T08:00:00.000Z',
  };
}

export function definitions() {
  const key = ['workspaceId', 'id'];
  const plain = definition('notes', key, ['body', 'meta.location', 'tags[]']);
  // By UTF-16 code units: the emoji is before U+FFFD, which has the lower code point.
  const awkward = definition(`a:"${EMOJI}\u0000`, ['_id'], ['Z', 'a', EMOJI, '\uFFFD']);
  return [
    { name: 'of notes', item: plain },
    { name: 'of an awkward collection', item: awkward },
    { name: 'of a collection in which nothing is sealed any more', item: definition('n', key, []) },
    { name: 'of notes, authenticated', item: { ...plain, ...recordMacOf(RECORD_KEY, plain) } },
  ];
}
