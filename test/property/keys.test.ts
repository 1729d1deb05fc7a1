import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sealToText } from '../../src/crypto/aes.js';
import { tuple } from '../../src/crypto/key-schedule.js';
import { documentPlace } from '../../src/document/document-draft.js';
import { keyScope } from '../../src/format/key-scope.js';
import type { LiveDekRow } from '../../src/adapters.js';
import type { Envelope } from '../../src/index.js';
import { createSecretKey, randomBytes } from 'node:crypto';
import { anyText } from '../support/arbitraries.js';
import { decryptAny, encryptAny, KEY, looseDefinition, note, setup } from '../support/encryptor.js';
import { failedField, failure } from '../support/failure.js';
import { perLane } from '../support/lane.js';

describe('tuples', () => {
  const parts = fc.array(anyText, { maxLength: 4 });

  it('are equal only for equal parts, however they are cut', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(tuple(...one).equals(tuple(...other))).toBe(same);
      }),
    );
    fc.assert(
      fc.property(anyText, fc.nat(), fc.nat(), (text, first, second) => {
        const cut = (at: number): [string, string] => [
          text.slice(0, at % (text.length + 1)),
          text.slice(at % (text.length + 1)),
        ];
        const [one, other] = [cut(first), cut(second)];
        fc.pre(
          one.every((each) => each.isWellFormed()) && other.every((each) => each.isWellFormed()),
        );
        expect(tuple(...one).equals(tuple(...other))).toBe(one[0] === other[0]);
      }),
    );
  });
});

describe('key parts', () => {
  const identifier = anyText.filter((text) => text !== '');
  const key = fc.array(identifier, { minLength: 1, maxLength: 3 });

  it('that differ give scopes that differ', () => {
    fc.assert(
      fc.property(identifier, identifier, key, key, (product, collection, one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        const [first, second] = [one, other].map((each) =>
          documentPlace(product, collection, each),
        );
        expect(first?.scope.scopeId === second?.scope.scopeId).toBe(same);
        expect(first?.identity === second?.identity).toBe(same);
        const shared = keyScope('shared', product, [collection, ...one]);
        expect(shared.scopeId).not.toBe(first?.scope.scopeId);
      }),
    );
  });

  it('("a", "bc") and ("ab", "c") are two documents: neither opens the other', async () => {
    const { encryptor } = setup();
    const one = await encryptAny(encryptor, { workspaceId: 'a', id: 'bc', body: 'one' });
    const other = await encryptAny(encryptor, { workspaceId: 'ab', id: 'c', body: 'other' });
    const [first, second] = [one, other].map(({ body }) => body as Envelope) as [
      Envelope,
      Envelope,
    ];
    expect(first.dekId).not.toBe(second.dekId);
    expect(await failure(decryptAny(encryptor, { ...one, body: second }))).toEqual(
      failedField('body', second.dekId),
    );
    expect(await failure(decryptAny(encryptor, { ...other, body: first }))).toEqual(
      failedField('body', first.dekId),
    );
  });

  it('and a collection are not interchangeable', async () => {
    const { encryptor } = setup();
    const one = looseDefinition('notes', ['a', 'b'], ['body']);
    const two = looseDefinition('notesx', ['a', 'b'], ['body']);
    const stored = await encryptAny(encryptor, { a: 'xy', b: 'z', body: 'text' }, one);
    const { dekId } = stored['body'] as Envelope;
    expect(
      await failure(decryptAny(encryptor, { a: 'y', b: 'z', body: stored['body'] }, two)),
    ).toEqual(failedField('body', dekId));
  });
});

describe('the DEKs of many documents under one MEK', () => {
  it('stay as many keys: made, loaded and loaded again in any order', async () => {
    const ids = Array.from({ length: 40 }, (_each, index) => `note-${String(index)}`);
    const made = setup();
    const stored = await Promise.all(
      ids.map((id) => encryptAny(made.encryptor, { ...KEY, id, body: `of ${id}` })),
    );
    const rows = await Promise.all(
      stored.map(async ({ body }) => (await made.memory.get((body as Envelope).dekId))?.value),
    );
    const distinct = (pick: (row: LiveDekRow) => string): number =>
      new Set((rows as LiveDekRow[]).map(pick)).size;
    expect(distinct(({ wrappedDek }) => wrappedDek)).toBe(ids.length);
    expect(distinct(({ commitment }) => commitment)).toBe(ids.length);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(stored, { minLength: 2 }), async (some) => {
        const reader = setup({ beside: made });
        const outcomes = await reader.encryptor.decryptDocuments(note, some as never[]);
        const bodies = outcomes.map((outcome) => outcome.ok && outcome.document.body);
        expect(bodies).toEqual(some.map(({ id }) => `of ${String(id)}`));
        for (const each of some) {
          const alone = setup({ beside: made });
          expect((await decryptAny(alone.encryptor, each))['body']).toBe(
            `of ${String(each['id'])}`,
          );
        }
        expect(reader.provider.calls).toEqual({ unwrapKey: some.length });
      }),
      { numRuns: perLane(5, 20) },
    );
  });
});

const PLAINTEXT = { marker: 1, payload: '' };

describe('nonces', () => {
  it('are never used twice, over many seals and past every refill of their pool', async () => {
    const key = createSecretKey(randomBytes(32));
    const aad = Buffer.alloc(0);
    const nonces = new Set<string>();
    const SEALS = 20_000;
    for (let seal = 0; seal < SEALS; seal += 1) {
      nonces.add(sealToText(key, PLAINTEXT, aad).slice(0, 16));
    }
    const { encryptor } = setup();
    const tags = Array.from({ length: 2_000 }, () => 'same');
    const stored = await encryptAny(encryptor, { ...KEY, tags });
    for (const { ct } of stored['tags'] as Envelope[]) nonces.add(ct.slice(0, 16));
    expect(nonces.size).toBe(SEALS + tags.length);
    expect(new Set((stored['tags'] as Envelope[]).map(({ ct }) => ct)).size).toBe(tags.length);
  });

  it('fill their whole width', () => {
    const key = createSecretKey(randomBytes(32));
    const seen = Array.from({ length: 12 }, () => new Set<number>());
    for (let seal = 0; seal < 5_000; seal += 1) {
      const sealedBytes = Buffer.from(sealToText(key, PLAINTEXT, Buffer.alloc(0)), 'base64url');
      for (const [at, values] of seen.entries()) values.add(sealedBytes[at] as number);
    }
    for (const values of seen) expect(values.size).toBe(256);
  });
});
