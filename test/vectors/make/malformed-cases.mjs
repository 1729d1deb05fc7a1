import {
  PRODUCT,
  b64u,
  documentDekId,
  firstSuch,
  sample,
  seal,
  stringPlaintext,
} from './format.mjs';
import { AKV_VERSIONS, COMPOSED } from './sample-names.mjs';

/**
 * A sound envelope, so that a reader which lets a defect pass would open it. Its `ct` has the characters
 * that the cases replace and `spare` unused bits at its end.
 */
export function soundEnvelope(text, spare) {
  const base = { product: PRODUCT, collection: 'notes', keyParts: ['ws-1', 'note-1'] };
  const place = { ...base, fieldPath: 'body', dekId: documentDekId(base) };
  const dek = sample(`envelope dek ${place.dekId}`);
  const nonce = (attempt) => sample(`malformed nonce ${text} ${attempt}`, 12);
  const makeCt = (attempt) => seal(dek, place, stringPlaintext(text), nonce(attempt));
  const ct = firstSuch(makeCt, (made) => /-/.test(made) && /_/.test(made));
  if ((ct.length * 6) % 8 !== spare) throw new Error('the text has the wrong length for this case');
  return { _enc: 1, dekId: place.dekId, mekVersion: AKV_VERSIONS[0], ct };
}

function lastBitSet(ct) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return ct.slice(0, -1) + alphabet[alphabet.indexOf(ct.at(-1)) + 1];
}

function malformedCts() {
  const two = soundEnvelope('hello!', 2);
  const four = soundEnvelope('hello', 4);
  const { ct } = two;
  const list = [
    ['one padding sign', `${ct}=`],
    ['two padding signs', `${four.ct}==`],
    ['plus', ct.replace('-', '+')],
    ['slash', ct.replace('_', '/')],
    ['last 2 unused bits not zero', lastBitSet(ct)],
    ['last 4 unused bits not zero', lastBitSet(four.ct)],
    ['impossible length', ct.slice(0, -2)],
    ['trailing line feed', `${ct}\n`],
    ['leading space', ` ${ct}`],
    ['inner tab', `${ct.slice(0, 8)}\t${ct.slice(8)}`],
    // Its low byte is that of "-": a decoder that truncates code units reads the sound value.
    ['U+4E2D', ct.replace('-', '\u4e2d')],
    ['empty', ''],
    ['28 bytes', b64u(sample('28 bytes', 28))],
    ['number', 1],
    ['null', null],
  ];
  return list.map(([name, bad]) => ({ name: `ct: ${name}`, envelope: { ...two, ct: bad } }));
}

function malformedDekIds(sound) {
  const scopeId = sound.dekId.slice(0, 32);
  const list = [
    ['empty', ''],
    ['upper-case hex', `${scopeId.toUpperCase()}.1`],
    ['generation 0', `${scopeId}.0`],
    ['leading zero', `${scopeId}.01`],
    ['17 digits', `${scopeId}.10000000000000000`],
    ['negative generation', `${scopeId}.-1`],
    ['no generation', scopeId],
    ['empty generation', `${scopeId}.`],
    ['31 hex digits', `${scopeId.slice(1)}.1`],
    ['33 hex digits', `0${scopeId}.1`],
    ['not hex', `g${scopeId.slice(1)}.1`],
    ['full-width digit', `${scopeId}.\uff11`],
    ['path traversal', '../../dek_store/rotation'],
    ['path traversal after a sound id', `${sound.dekId}/../rotation`],
    ['trailing line feed', `${sound.dekId}\n`],
    ['number', 1],
    ['null', null],
  ];
  return list.map(([name, dekId]) => ({ name: `dekId: ${name}`, envelope: { ...sound, dekId } }));
}

function malformedMekVersions(sound) {
  const list = [
    ['empty', ''],
    ['129 characters', 'a'.repeat(129)],
    ['space', 'a b'],
    ['slash', 'keys/1'],
    ['trailing line feed', `${sound.mekVersion}\n`],
    ['not ASCII', COMPOSED],
    ['number', 1],
    ['null', null],
  ];
  const named = ([name, mekVersion]) => ({
    name: `mekVersion: ${name}`,
    envelope: { ...sound, mekVersion },
  });
  return list.map(named);
}

function without(sound, key) {
  return Object.fromEntries(Object.entries(sound).filter(([name]) => name !== key));
}

// Without `_enc` it would be no envelope at all, but a value like any other.
function malformedKeys(sound) {
  const missing = (key) => ({ name: `missing: ${key}`, envelope: without(sound, key) });
  const extra = (key) => ({ name: `extra: ${key}`, envelope: { ...sound, [key]: 'x' } });
  return [
    ...['dekId', 'mekVersion', 'ct'].map(missing),
    { name: 'missing: all but _enc', envelope: { _enc: 1 } },
    ...['alg', '_etag', 'constructor'].map(extra),
  ];
}

export function malformedEnvelopes(sound) {
  const markers = [0, -1, 1.5, '1', true, null, [1]];
  const badMarker = (_enc) => ({
    name: `_enc: ${JSON.stringify(_enc)}`,
    envelope: { ...sound, _enc },
  });
  return [
    ...malformedKeys(sound),
    ...markers.map(badMarker),
    ...malformedCts(),
    ...malformedDekIds(sound),
    ...malformedMekVersions(sound),
  ];
}

export function unsupportedEnvelopes(sound) {
  return [
    { name: '_enc: 2', envelope: { ...sound, _enc: 2 } },
    { name: '_enc: 2 with a key unknown to version 1', envelope: { ...sound, _enc: 2, alg: 'x' } },
  ];
}
