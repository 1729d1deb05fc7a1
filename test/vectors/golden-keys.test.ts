import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FieldCipher } from '../../src/cipher/field-cipher.js';
import { declaredField } from '../../src/document/field-tree.js';
import { openText } from '../../src/crypto/aes.js';
import { deriveCommitment, deriveFieldKey, tuple } from '../../src/crypto/key-schedule.js';
import { documentPlace } from '../../src/document/document-draft.js';
import {
  dekIdOf,
  isDekId,
  isScopeId,
  keyScope,
  scopeIdIn,
  scopeIdOf,
  type ScopeKind,
} from '../../src/format/key-scope.js';
import { EnvKeyProvider } from '../../src/index.js';
import { parseMekBytes } from '../../src/provider/mek-bytes.js';
import { fromHex, readGolden } from '../support/golden.js';
import { dekOf } from '../support/deks.js';

type Part = string | readonly Part[];

interface Place {
  readonly product: string;
  readonly collection: string;
  readonly keyParts: readonly string[];
  readonly dekId: string;
}

function nestedTuple(parts: readonly Part[]): Buffer {
  return tuple(...parts.map((part) => (typeof part === 'string' ? part : nestedTuple(part))));
}

describe('golden tuples', () => {
  const { cases } = readGolden<{
    cases: { parts: Part[]; bytesHex: string }[];
  }>('tuples.json');

  it.each(cases)('$bytesHex', ({ parts, bytesHex }) => {
    expect(nestedTuple(parts).toString('hex')).toBe(bytesHex);
  });
});

describe('golden key scopes', () => {
  const { cases } = readGolden<{
    cases: {
      kind: ScopeKind;
      product: string;
      parts: string[];
      scopeId: string;
      generation: number;
      dekId: string;
    }[];
  }>('key-scope.json');

  it.each(cases)('$kind $parts of $product is $dekId', (golden) => {
    const { kind, product, parts, scopeId, generation, dekId } = golden;
    expect(scopeIdOf(kind, product, parts)).toBe(scopeId);
    expect(keyScope(kind, product, parts).scopeId).toBe(scopeId);
    expect(dekIdOf(scopeId, generation)).toBe(dekId);
    expect(scopeIdIn(dekId)).toBe(scopeId);
    expect(isScopeId(scopeId)).toBe(true);
    expect(isDekId(dekId)).toBe(true);
  });

  it('are the places of documents', () => {
    const documents = cases.filter(({ kind }) => kind === 'document');
    expect(documents.length).toBeGreaterThan(0);
    for (const { product, parts, scopeId } of documents) {
      const [collection = '', ...keyParts] = parts;
      expect(documentPlace(product, collection, keyParts).scope.scopeId).toBe(scopeId);
    }
  });
});

describe('the golden key schedule', () => {
  const { cases } = readGolden<{
    cases: (Place & { dekHex: string; fieldKeyHex: string; commitment: string })[];
  }>('key-schedule.json');

  it.each(cases)('field key $fieldKeyHex', (golden) => {
    const dek = createSecretKey(fromHex(golden.dekHex));
    expect(deriveFieldKey(dek, golden).export().toString('hex')).toBe(golden.fieldKeyHex);
  });

  it.each(cases)('commitment $commitment', ({ dekHex, product, dekId, commitment }) => {
    const dek = createSecretKey(fromHex(dekHex));
    expect(deriveCommitment(dek, product, dekId)).toBe(commitment);
    expect(dekOf(product, dekId, fromHex(dekHex)).commitment).toBe(commitment);
  });
});

describe('golden additional data', () => {
  const { cases } = readGolden<{
    cases: (Place & { fieldPath: string; aadHex: string })[];
  }>('field-aad.json');

  it.each(cases)('$fieldPath of $keyParts under $dekId', (golden) => {
    const { product, collection, keyParts, dekId, fieldPath, aadHex } = golden;
    const place = documentPlace(product, collection, keyParts);
    const dek = dekOf(product, dekId, Buffer.alloc(32, 7));
    const { ct } = new FieldCipher(dek, place).seal(
      declaredField(fieldPath),
      { marker: 1, payload: 'text' },
      'v1',
    );
    const key = dek.fieldKey(place);
    expect(openText(key, ct, fromHex(aadHex))?.toString('latin1')).toBe('\u0001text');
    const another = fromHex(aadHex);
    another[4] = (another[4] as number) ^ 1;
    expect(openText(key, ct, another)).toBeUndefined();
  });
});

describe('golden MEKs', () => {
  const { cases } = readGolden<{
    cases: { mekHex: string; base64: string; base64url: string; hex: string; mekVersion: string }[];
  }>('meks.json');
  const spellings = cases.flatMap(({ base64, base64url, hex, ...mek }) =>
    [base64, base64url, hex, hex.toUpperCase()].map((key) => ({ key, ...mek })),
  );

  it.each(spellings)('$key is $mekVersion', async ({ key, mekHex, mekVersion }) => {
    expect(await new EnvKeyProvider({ key }).currentVersion()).toBe(mekVersion);
    expect((parseMekBytes(key) as Buffer).toString('hex')).toBe(mekHex);
  });
});
