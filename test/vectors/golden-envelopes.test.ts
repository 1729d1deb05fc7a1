import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseEnvelope } from '../../src/format/key-scope.js';
import { FieldCipher, decodeFieldValue, encodeFieldValue } from '../../src/cipher/field-cipher.js';
import { declaredField } from '../../src/document/field-tree.js';
import { openText } from '../../src/crypto/aes.js';
import { deriveFieldKey, lengthPrefixed, tuple } from '../../src/crypto/key-schedule.js';
import { documentPlace } from '../../src/document/document-draft.js';
import type { Envelope } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  KEY,
  looseDefinition,
  MEK_VERSION,
  note,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, failure, thrownBy } from '../support/failure.js';
import { fromHex, readGolden } from '../support/golden.js';
import { activeRow } from '../support/rows.js';
import { dekOf } from '../support/deks.js';

interface GoldenEnvelope {
  readonly name: string;
  readonly product: string;
  readonly collection: string;
  readonly keyParts: readonly string[];
  readonly fieldPath: string;
  readonly dekHex: string;
  readonly dekId: string;
  readonly mekVersion: string;
  readonly envelope: Envelope;
  readonly value?: unknown;
  readonly valueJson?: string;
  readonly valueBytesHex?: string;
  readonly plaintextHex: string;
}

const cases = ['envelopes.json', 'surrogate-envelopes.json'].flatMap(
  (file) => readGolden<{ cases: GoldenEnvelope[] }>(file).cases,
);

function valueOf({ value, valueJson, valueBytesHex }: GoldenEnvelope): unknown {
  if (valueBytesHex !== undefined) return new Uint8Array(fromHex(valueBytesHex));
  return valueJson === undefined ? value : (JSON.parse(valueJson) as unknown);
}

describe.each(cases)('golden envelope "$name"', (golden) => {
  const { product, collection, keyParts, fieldPath, dekHex, dekId, envelope } = golden;
  const place = documentPlace(product, collection, keyParts);

  it('holds just the golden plaintext', () => {
    const context = { product, dekId, collection, keyParts };
    const key = deriveFieldKey(createSecretKey(fromHex(dekHex)), context);
    const aad = Buffer.concat([
      tuple('field-encrypt/v1/field', product, collection, tuple(...keyParts)),
      lengthPrefixed(fieldPath),
      lengthPrefixed(dekId),
    ]);
    const plaintext = openText(key, envelope.ct, aad);
    expect(plaintext?.toString('hex')).toBe(golden.plaintextHex);
    expect(decodeFieldValue(plaintext as Buffer)).toStrictEqual(valueOf(golden));
  });

  it('holds what its value is encoded as today', () => {
    const { marker, payload } = encodeFieldValue(valueOf(golden), fieldPath);
    const bytes = [Buffer.of(marker), Buffer.from(payload as string)];
    expect(Buffer.concat(bytes).toString('hex')).toBe(golden.plaintextHex);
  });

  it('parses and opens', () => {
    const parsed = parseEnvelope(envelope, fieldPath);
    expect(parsed).toEqual(envelope);
    const cipher = new FieldCipher(dekOf(product, dekId, fromHex(dekHex)), place);
    const opened = cipher.open(declaredField(fieldPath), parsed);
    expect(opened).toStrictEqual(valueOf(golden));
    expect(JSON.stringify(opened)).toBe(JSON.stringify(valueOf(golden)));
  });

  it('opens as part of a document', async () => {
    const { encryptor } = await processHolding([golden], product);
    const names = keyParts.map((_part, index) => `key${String(index)}`);
    const definition = looseDefinition(collection, names, [fieldPath]);
    const key = Object.fromEntries(names.map((name, index) => [name, keyParts[index]]));
    const stored = documentWith(fieldPath, envelope, key);
    const opened = await decryptAny(encryptor, stored, definition);
    expect(opened).toStrictEqual(documentWith(fieldPath, valueOf(golden), key));
  });
});

describe('golden envelopes together', () => {
  const ofNote = cases.filter(({ keyParts, collection, product }) => {
    return product === 'notelett' && collection === 'notes' && keyParts.join() === 'ws-1,note-1';
  });
  const last = (fieldPath: string): GoldenEnvelope =>
    ofNote.findLast((golden) => golden.fieldPath === fieldPath) as GoldenEnvelope;

  it('open as one document of several generations, of which those needed are read', async () => {
    const own = { title: last('title'), body: last('body'), tag: last('tags[]') };
    const deep = { location: last('meta.location'), heading: last('sections[].title') };
    const document = (pick: (golden: GoldenEnvelope) => unknown): Loose => ({
      ...KEY,
      title: pick(own.title),
      body: pick(own.body),
      tags: [pick(own.tag), pick(own.tag)],
      meta: { location: pick(deep.location) },
      sections: [{ title: pick(deep.heading) }, null],
    });
    const used = [...Object.values(own), ...Object.values(deep)];
    const { encryptor, store, memory } = await processHolding(used, 'notelett');
    const before = await contentsOf(memory);
    const opened = await decryptAny(
      encryptor,
      document(({ envelope }) => envelope),
    );
    expect(opened).toStrictEqual(document(valueOf));
    expect(store.calls).toEqual({ get: new Set(used.map(({ dekId }) => dekId)).size });
    expect(await contentsOf(memory)).toEqual(before);
  });
});

describe('malformed golden envelopes', () => {
  const malformed = readGolden<{
    cases: { name: string; envelope: Envelope }[];
    unsupported: { name: string; envelope: Envelope }[];
  }>('malformed-envelopes.json');
  const sound = cases.find(({ name }) => name === 'string: ascii') as GoldenEnvelope;

  it.each(malformed.cases)('$name is TAMPERED', async ({ envelope }) => {
    const { encryptor, provider } = await processHolding([sound], 'notelett');
    const refusal = await failure(decryptAny(encryptor, { ...KEY, body: envelope }));
    expect(refusal).toMatchObject({ name: 'TamperedError', code: 'TAMPERED' });
    expect(refusal.message).toMatch(
      /^The envelope at "body" (is malformed \((_enc|its properties|dekId|mekVersion|ct)\): restore|failed authentication under DEK 6ba93ee4f21c83cde16a191438027014\.1: it was changed, or moved from another place; a changed definition looks the same; restore) the document from a backup$/,
    );
    // Whatever is wrong with the form of the rest is found before a key is asked for.
    if (refusal.message.includes('malformed')) expect(provider.calls).toEqual({});
  });

  it.each(malformed.cases)('$name is refused on write', async ({ envelope }) => {
    const { encryptor, memory } = await processHolding([sound], 'notelett');
    const before = await contentsOf(memory);
    expect(
      await failure(encryptor.encryptDocument(note, { ...KEY, title: 'new', body: envelope })),
    ).toEqual({
      name: 'FieldEncryptionError',
      code: 'ENVELOPE_REFUSED',
      message:
        'The value at "body" looks like an envelope but is not one of this document\'s own: no value may have a property named "_enc"',
    });
    expect(await contentsOf(memory)).toEqual(before);
  });

  it.each(malformed.unsupported)('$name is ENVELOPE_UNSUPPORTED', ({ envelope }) => {
    expect(describeError(thrownBy(() => parseEnvelope(envelope, 'body')))).toEqual({
      name: 'FieldEncryptionError',
      code: 'ENVELOPE_UNSUPPORTED',
      message:
        'The envelope at "body" has format version 2: upgrade @bytelyst/field-encrypt to read it',
    });
  });
});

/** An encryptor over a store that holds the rows of these envelopes' DEKs. */
async function processHolding(golden: readonly GoldenEnvelope[], product: string): Promise<Setup> {
  const made = setup({ product });
  const byId = new Map(golden.map((each) => [each.dekId, each]));
  for (const { dekId, dekHex, collection, keyParts } of byId.values()) {
    const row = await activeRow({
      product,
      parts: [collection, ...keyParts],
      generation: Number(dekId.split('.')[1]),
      dek: fromHex(dekHex),
      keyProvider: made.keyProvider,
      mekVersion: MEK_VERSION,
    });
    expect(row.id).toBe(dekId);
    await made.memory.create(row);
  }
  made.provider.reset();
  made.store.reset();
  return made;
}

function documentWith(fieldPath: string, value: unknown, key: Loose): Loose {
  const nest = (segments: readonly string[]): unknown => {
    const [first, ...rest] = segments;
    if (first === undefined) return value;
    const below = nest(rest);
    return first.endsWith('[]') ? { [first.slice(0, -2)]: [below] } : { [first]: below };
  };
  return { ...key, ...(nest(fieldPath.split('.')) as Loose) };
}
