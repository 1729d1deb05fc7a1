// Stored format version 1, written from its description alone. Nothing here comes from the library, so
// that the two cannot share a mistake.
import { Buffer } from 'node:buffer';
import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  hkdfSync,
  publicEncrypt,
} from 'node:crypto';

export const PRODUCT = 'notelett';

function lp(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** An element is a string, bytes, or an array, which is a tuple of its own. */
function element(part) {
  if (typeof part === 'string') return Buffer.from(part, 'utf8');
  return Array.isArray(part) ? tuple(...part) : part;
}

export function tuple(...parts) {
  return Buffer.concat(parts.map((part) => lp(element(part))));
}

export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join(',')}}`;
}

export const hex = (bytes) => bytes.toString('hex');
export const b64u = (bytes) => bytes.toString('base64url');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();

function hkdf(key, ...info) {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), tuple(...info), 32));
}

// Derived, not random: every run in an empty directory gives the same bytes, RSA parts excepted.
export function sample(label, length = 32) {
  return createHash('shake256', { outputLength: length }).update(`field-encrypt ${label}`).digest();
}

export function firstSuch(make, accept) {
  for (let attempt = 0; ; attempt++) {
    const made = make(attempt);
    if (accept(made)) return made;
  }
}

export function scopeIdOf({ kind = 'document', product = PRODUCT, parts }) {
  return hex(sha256(tuple('field-encrypt/v1/scope', kind, product, ...parts)).subarray(0, 16));
}

export function documentDekId({ product = PRODUCT, collection, keyParts, generation = 1 }) {
  return `${scopeIdOf({ product, parts: [collection, ...keyParts] })}.${generation}`;
}

export function fieldKeyOf(dek, { product, dekId, collection, keyParts }) {
  return hkdf(dek, 'field-encrypt/v1/field-key', product, dekId, collection, keyParts);
}

export function commitmentOf(dek, product, dekId) {
  return b64u(hkdf(dek, 'field-encrypt/v1/commitment', product, dekId));
}

export function aadOf({ product, collection, keyParts, fieldPath, dekId }) {
  return tuple('field-encrypt/v1/field', product, collection, keyParts, fieldPath, dekId);
}

export function seal(dek, place, plaintext, nonce) {
  const key = fieldKeyOf(dek, place);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aadOf(place));
  const body = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return b64u(Buffer.concat(body));
}

const typed = (type, payload) => Buffer.concat([Buffer.from([type]), payload]);
export const stringPlaintext = (text) => typed(1, Buffer.from(text, 'utf8'));
export const jsonPlaintext = (text) => typed(2, Buffer.from(text, 'utf8'));
export const bytesPlaintext = (bytes) => typed(3, bytes);

export const envVersion = (mek) => `env-${hex(hkdf(mek, 'field-encrypt/v1/mek-id')).slice(0, 16)}`;

export function envWrap(mek, dek) {
  const cipher = createCipheriv('id-aes256-wrap', mek, Buffer.alloc(8, 0xa6));
  const wrappedDek = b64u(Buffer.concat([cipher.update(dek), cipher.final()]));
  const name = { keyProvider: 'env', mekName: 'env', mekVersion: envVersion(mek) };
  return { wrappedDek, wrapAlgorithm: 'A256KW', ...name };
}

function rsaWrapped(key, dek) {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const wrapped = publicEncrypt({ key, padding, oaepHash: 'sha256' }, dek);
  return { wrappedDek: b64u(wrapped), wrapAlgorithm: 'RSA-OAEP-256' };
}

export function akvWrap(key, dek, mekVersion) {
  return { ...rsaWrapped(key, dek), keyProvider: 'akv', mekName: 'notelett-mek', mekVersion };
}

export function recoveryWrap(privateKey, dek) {
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { ...rsaWrapped(publicKey, dek), recoveryKeyId: hex(sha256(spki)).slice(0, 16) };
}

export function recordMacOf(recordKey, record) {
  const macKeyId = hex(hkdf(recordKey, 'field-encrypt/v1/record-key-id')).slice(0, 16);
  const message = tuple('field-encrypt/v1/record', canonicalJson({ ...record, macKeyId }));
  return { macKeyId, mac: b64u(createHmac('sha256', recordKey).update(message).digest()) };
}

export function withMac(recordKey, record) {
  return { ...record, ...recordMacOf(recordKey, record) };
}

function rowIdentity({ kind = 'document', parts, generation = 1 }) {
  const scopeId = scopeIdOf({ kind, parts });
  const scope = { scopeId, scopeKind: kind, scope: parts };
  const id = `${scopeId}.${generation}`;
  return { id, ...scope, type: 'dek', schema: 1, product: PRODUCT, generation };
}

export function liveRow(place, dek, { state = 'active', wrap, epoch = 1, ...optional }) {
  const identity = rowIdentity(place);
  const commitment = commitmentOf(dek, PRODUCT, identity.id);
  const createdAt = '2026-11-23T10:00:00.000Z';
  return { ...identity, state, ...wrap, epoch, commitment, createdAt, ...optional };
}

export function shreddedRow(place) {
  const times = { createdAt: '2026-11-23T10:00:00.000Z', shreddedAt: '2026-12-24T08:15:30.250Z' };
  return { ...rowIdentity(place), state: 'shredded', epoch: 2, ...times };
}
