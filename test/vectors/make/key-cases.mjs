import {
  PRODUCT,
  aadOf,
  b64u,
  commitmentOf,
  documentDekId,
  envVersion,
  fieldKeyOf,
  firstSuch,
  hex,
  sample,
  scopeIdOf,
  tuple,
} from './format.mjs';
import { COMPOSED, DECOMPOSED, EMOJI } from './sample-names.mjs';

export function tuples() {
  const list = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['abc'],
    ['a', 'b', 'c'],
    ['a', ['b', 'c']],
    [['a', 'b'], 'c'],
    [['a'], ['b', ['c']]],
    [COMPOSED],
    [DECOMPOSED],
    ['\u0000'],
    ['a\u0000', 'b'],
    ['a', '\u0000b'],
    ['\u0000\u0000\u0000\u0001a'],
    [EMOJI, '\u4e2d\u6587'],
    ['\ufeffbom'],
    ['x'.repeat(300), 'y'],
  ];
  return list.map((parts) => ({ parts, bytesHex: hex(tuple(...parts)) }));
}

export function keyScopes() {
  const list = [
    ['document', PRODUCT, ['notes', 'ws-1', 'note-1'], 1],
    ['document', PRODUCT, ['notes', 'ws-1', 'note-1'], 2],
    ['document', PRODUCT, ['notes', 'ws-1', 'note-1'], Number.MAX_SAFE_INTEGER],
    ['document', PRODUCT, ['notes', 'ws-1note-1'], 1],
    ['document', PRODUCT, ['notesws-1', 'note-1'], 1],
    ['document', 'other', ['notes', 'ws-1', 'note-1'], 1],
    ['document', PRODUCT, ['notes', COMPOSED, EMOJI], 1],
    ['document', PRODUCT, ['notes', DECOMPOSED, EMOJI], 1],
    ['document', 'r\u00f6st\u4e2d', ['n\u00f6tes', '\u0000', ' '], 2],
    ['shared', PRODUCT, ['notes', 'ws-1', 'note-1'], 1],
    ['shared', PRODUCT, ['workspace', 'ws-1'], 1],
    ['shared', PRODUCT, ['workspace', '\u5de5\u4f5c'], Number.MAX_SAFE_INTEGER],
    ['shared', PRODUCT, ['ws-1'], 2],
  ];
  return list.map(([kind, product, parts, generation]) => {
    const scopeId = scopeIdOf({ kind, product, parts });
    return { kind, product, parts, scopeId, generation, dekId: `${scopeId}.${generation}` };
  });
}

function scheduleCase(label, place) {
  const dek = sample(label);
  const { product, dekId, collection, keyParts } = place;
  const fieldKeyHex = hex(fieldKeyOf(dek, place));
  const commitment = commitmentOf(dek, product, dekId);
  return { dekHex: hex(dek), product, dekId, collection, keyParts, fieldKeyHex, commitment };
}

export function keySchedules() {
  const inDocument = (place) => ({ product: PRODUCT, ...place, dekId: documentDekId(place) });
  const shared = `${scopeIdOf({ kind: 'shared', parts: ['workspace', 'ws-1'] })}.1`;
  const underShared = (keyParts) => ({
    ...inDocument({ collection: 'notes', keyParts }),
    dekId: shared,
  });
  const plain = { collection: 'notes', keyParts: ['ws-1', 'note-1'] };
  return [
    scheduleCase('schedule 1', inDocument(plain)),
    scheduleCase('schedule 1', inDocument({ ...plain, generation: 2 })),
    scheduleCase('schedule 2', inDocument({ ...plain, generation: Number.MAX_SAFE_INTEGER })),
    scheduleCase('schedule 2', inDocument({ ...plain, product: 'other' })),
    scheduleCase('schedule 3', inDocument({ collection: 'notes', keyParts: ['only'] })),
    scheduleCase(
      'schedule 4',
      inDocument({ collection: 'n\u00f6tes', keyParts: [COMPOSED, EMOJI] }),
    ),
    scheduleCase(
      'schedule 4',
      inDocument({ collection: 'n\u00f6tes', keyParts: [DECOMPOSED, EMOJI] }),
    ),
    scheduleCase('schedule shared', underShared(['ws-1', 'note-1'])),
    scheduleCase('schedule shared', underShared(['ws-1', 'note-2'])),
    scheduleCase('schedule shared', underShared(['ws-1n', 'ote-2'])),
  ];
}

export function fieldAads() {
  const plain = { product: PRODUCT, collection: 'notes', keyParts: ['ws-1', 'note-1'] };
  const paths = ['body', 'meta.location', 'tags[]', 'tags', 'sections[].title', 'rows[].cells[]'];
  const list = [
    ...paths.map((fieldPath) => ({ ...plain, fieldPath })),
    { ...plain, keyParts: ['ws-1note-1'], fieldPath: 'body' },
    { ...plain, fieldPath: 'body', generation: 2 },
    {
      product: 'r\u00f6st',
      collection: 'n\u00f6tes',
      keyParts: [COMPOSED, EMOJI],
      fieldPath: 't\u00eftle',
    },
    {
      product: 'r\u00f6st',
      collection: 'n\u00f6tes',
      keyParts: [DECOMPOSED, EMOJI],
      fieldPath: 't\u00eftle',
    },
  ];
  return list.map(({ generation, ...place }) => {
    const dekId = documentDekId({ ...place, generation });
    return { ...place, dekId, aadHex: hex(aadOf({ ...place, dekId })) };
  });
}

export function meks() {
  const awkward = firstSuch(
    (attempt) => sample(`awkward mek ${attempt}`),
    (mek) => /\+.*\//.test(mek.toString('base64')),
  );
  return [sample('mek 1'), sample('mek 2'), awkward].map((mek) => {
    const texts = { base64: mek.toString('base64'), base64url: b64u(mek), hex: hex(mek) };
    return { mekHex: hex(mek), ...texts, mekVersion: envVersion(mek) };
  });
}
