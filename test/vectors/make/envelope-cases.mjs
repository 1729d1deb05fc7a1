import { Buffer } from 'node:buffer';
import {
  PRODUCT,
  bytesPlaintext,
  documentDekId,
  envVersion,
  hex,
  jsonPlaintext,
  sample,
  seal,
  stringPlaintext,
} from './format.mjs';
import { AKV_VERSIONS, COMPOSED, DECOMPOSED, EMOJI } from './sample-names.mjs';

function envelopeCase(name, fieldPath, plaintext, shown, special = {}) {
  const { mekVersion = AKV_VERSIONS[0], generation = 1, ...where } = special;
  const base = { product: PRODUCT, collection: 'notes', keyParts: ['ws-1', 'note-1'], ...where };
  const dekId = documentDekId({ ...base, generation });
  const dek = sample(`envelope dek ${dekId}`);
  const place = { ...base, fieldPath, dekId };
  const ct = seal(dek, place, plaintext, sample(`envelope nonce ${name}`, 12));
  const envelope = { _enc: 1, dekId, mekVersion, ct };
  const key = { dekHex: hex(dek), dekId, mekVersion };
  return { name, ...base, fieldPath, ...key, envelope, ...shown, plaintextHex: hex(plaintext) };
}

function stringCase(name, fieldPath, value, special) {
  return envelopeCase(`string: ${name}`, fieldPath, stringPlaintext(value), { value }, special);
}

function jsonCase(name, fieldPath, value, special) {
  const plaintext = jsonPlaintext(JSON.stringify(value));
  return envelopeCase(`json: ${name}`, fieldPath, plaintext, { value }, special);
}

// Kept as text: many a reader turns an own "__proto__" into a prototype while it loads this file.
function jsonTextCase(name, fieldPath, valueJson) {
  return envelopeCase(`json: ${name}`, fieldPath, jsonPlaintext(valueJson), { valueJson });
}

function bytesCase(name, fieldPath, bytes) {
  return envelopeCase(`bytes: ${name}`, fieldPath, bytesPlaintext(bytes), {
    valueBytesHex: hex(bytes),
  });
}

export function envelopes() {
  const everyClass = 'Az09._-'.repeat(19).slice(0, 128);
  const abroad = { product: 'r\u00f6st', collection: 'n\u00f6tes' };
  const nested = {
    list: [1, 'two', [null, { deep: true }]],
    '': 0,
    emoji: EMOJI,
    'sep\u2028': '\ufeff',
  };
  return [
    stringCase('empty', 'body', ''),
    stringCase('ascii', 'body', 'Buy milk, then call the bank.'),
    stringCase('emoji', 'title', `key ${EMOJI}`),
    stringCase('U+0000', 'title', 'a\u0000b'),
    stringCase('leading byte order mark', 'title', '\ufeffkept'),
    stringCase('decomposed', 'title', DECOMPOSED),
    stringCase('looks like JSON', 'tags[]', 'null'),
    stringCase('nested path', 'meta.location', '48.2082,16.3738'),
    stringCase('element path', 'sections[].title', 'Chapter one\r\n\tof two'),
    stringCase('generation 2', 'body', 'second', { generation: 2 }),
    stringCase('highest generation', 'body', 'last', { generation: Number.MAX_SAFE_INTEGER }),
    stringCase('env mekVersion', 'body', 'env', { mekVersion: envVersion(sample('mek 1')) }),
    stringCase('mekVersion of 128 characters', 'body', 'long', { mekVersion: everyClass }),
    stringCase('mekVersion of 1 character', 'body', 'short', { mekVersion: '7' }),
    stringCase('composed key part', 'body', 'NFC', { ...abroad, keyParts: [COMPOSED, EMOJI] }),
    stringCase('decomposed key part', 'body', 'NFD', { ...abroad, keyParts: [DECOMPOSED, EMOJI] }),
    jsonCase('integer', 'amount', 42),
    jsonCase('fraction', 'amount', -0.1),
    jsonCase('large number', 'amount', 1.7976931348623157e308),
    jsonCase('0, stored for -0 too', 'amount', 0),
    jsonCase('true', 'flag', true),
    jsonCase('false', 'flag', false),
    jsonCase('null', 'body', null),
    jsonCase('empty array', 'tags', []),
    jsonCase('array', 'tags', ['a', 1, null, [false]]),
    jsonCase('empty object', 'meta', {}),
    jsonCase('nested object', 'meta', nested),
    jsonTextCase('own __proto__ key', 'meta', '{"a":{"__proto__":{"admin":true}},"__proto__":[1]}'),
    bytesCase('empty', 'attachment', Buffer.alloc(0)),
    bytesCase('300 bytes', 'attachment', sample('attachment', 300)),
    bytesCase('not UTF-8', 'attachment', Buffer.from('ff00fec3', 'hex')),
  ];
}

/** What has no UTF-8: sealed as JSON text, a string by itself too. */
export function surrogateEnvelopes() {
  return [
    jsonCase('high surrogate at the end', 'body', 'Great day \ud83d'),
    jsonCase('low surrogate at the beginning', 'title', '\ude00!'),
    jsonCase('pair the wrong way round', 'tags[]', '\ude00\ud83d'),
    jsonCase('lone beside a whole pair', 'meta.location', `\ud83d${EMOJI}\udc00`),
    jsonCase('lone inside', 'meta', { list: ['\ud800'], deep: { text: 'a\udfff' } }),
    jsonCase('lone in a name', 'meta', { '\ud83d': 1, 'x\udc00': '\ud83d' }),
  ];
}
