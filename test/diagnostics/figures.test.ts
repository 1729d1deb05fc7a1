/** The figures that docs/watching.md promises, against counts that were taken without the channels. @module */
import { describe, expect, it } from 'vitest';
import type { ActiveDekRow } from '../../src/adapters.js';
import { DekCache, KeyProviderError, takeCensus, type RunMessage } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { hear, hearCalls } from '../support/hear.js';
import {
  pull,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const NOTES = 24;

/** Numbers from 0 to 1 that are the same in every run. */
function* spread(): Generator<number, never> {
  for (let state = 7; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

describe('the cache hit ratio', () => {
  it('agrees with the calls of the provider and the documents that were read', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, NOTES);
    const cacheMessages = hear('cache');
    const reader = setup({ beside: writer, cache: { maxEntries: NOTES / 3, ttlMs: 1_000 } });
    const numbers = spread();
    let reads = 0;
    for (let round = 0; round < 60; round += 1) {
      const batch = Array.from({ length: 1 + Math.floor(numbers.next().value * 6) }, () => {
        return stored[Math.floor(numbers.next().value ** 2 * NOTES)] as Loose;
      });
      await Promise.all(batch.map((each) => decryptAny(reader.encryptor, each)));
      reader.clock.advance(200);
      reads += batch.length;
    }
    const asked = tally(cacheMessages.map(({ type }) => type));
    expect(asked['miss']).toBe(reader.provider.calls['unwrapKey']);
    expect((asked['hit'] ?? 0) + (asked['miss'] ?? 0) + (asked['joined'] ?? 0)).toBe(reads);
    expect(asked['hit']).toBeGreaterThan(reads / 4);
    expect(asked['joined']).toBeGreaterThan(0);
    const reasons = tally(cacheMessages.flatMap((each) => ('reason' in each ? [each.reason] : [])));
    expect(Object.keys(reasons).sort()).toEqual(['expired', 'full']);
    expect((asked['miss'] ?? 0) - (asked['evicted'] ?? 0)).toBe(reader.dekCache.size);
  });

  it('counts each document of a list once, whatever of it was in memory', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, NOTES);
    const reader = setup({ beside: writer });
    for (const each of stored.slice(0, 5)) await decryptAny(reader.encryptor, each);
    const messages = hear('cache');
    await reader.encryptor.decryptDocuments(note, stored as never[]);
    expect(tally(messages.map(({ type }) => type))).toEqual({ hit: 5, miss: NOTES - 5 });
  });

  it('counts a hot seal once, and a first one as a hit that needed no unwrap', async () => {
    const made = setup();
    const messages = hear('cache');
    await encryptAny(made.encryptor, { ...KEY, body: 'first' });
    await encryptAny(made.encryptor, { ...KEY, body: 'second' });
    expect(messages.map(({ type }) => type)).toEqual(['hit', 'hit']);
    expect(made.provider.calls['unwrapKey']).toBeUndefined();
  });

  it('counts a hot seal once also over a stored document, which names its DEK', async () => {
    const made = setup();
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    await store.create(await encryptAny(made.encryptor, { ...KEY, body: 'first' }));
    const messages = hear('cache');
    await made.encryptor.updateDocument(note, store as never, KEY, (stored) => {
      return { ...stored, body: 'second' } as never;
    });
    expect(messages.map(({ type }) => type)).toEqual(['hit']);
  });
});

describe('the unwrap latency', () => {
  it('is what the provider took, by the clock of the encryptor', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, NOTES);
    const reader = setup({ beside: writer });
    const taken: number[] = [];
    reader.provider.before = () => {
      taken.push(3 + 11 * taken.length);
      reader.clock.advance(taken.at(-1) ?? 0);
    };
    const unwraps = hearCalls('unwrap');
    for (const each of stored) await decryptAny(reader.encryptor, each);
    expect(taken).toHaveLength(NOTES);
    expect(unwraps.map(({ durationMs }) => durationMs)).toEqual(taken);
  });
});

describe('throttles', () => {
  it('agree with what the provider refused', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, NOTES);
    const reader = setup({ beside: writer });
    let throttled = 0;
    reader.provider.before = (method) => {
      if (method !== 'unwrapKey' || (reader.provider.calls['unwrapKey'] ?? 0) % 3 > 0) return;
      throttled += 1;
      const retryAfterMs = 1_000 + throttled;
      throw new KeyProviderError('KEY_PROVIDER_THROTTLED', 'Slowly', {
        retryable: true,
        retryAfterMs,
      });
    };
    const unwraps = hearCalls('unwrap');
    const outcomes = await reader.encryptor.decryptDocuments(note, stored as never[]);
    const refused = unwraps.filter(({ errorCode }) => errorCode === 'KEY_PROVIDER_THROTTLED');
    expect(throttled).toBe(NOTES / 3);
    expect(refused).toHaveLength(throttled);
    expect(outcomes.filter(({ ok }) => !ok)).toHaveLength(throttled);
    expect(refused.map(({ retryAfterMs }) => retryAfterMs)).toEqual(
      refused.map((_each, index) => 1_001 + index),
    );
  });
});

describe('the rows left', () => {
  function lefts(messages: readonly RunMessage[]): (number | undefined)[] {
    return messages.map(({ left }) => left);
  }

  it('go down to 0 as the rows in the store do', async () => {
    const writer = setup();
    await writeNotes(writer, NOTES);
    const old = { product: PRODUCT, mekVersion: await versionOf('a') };
    const process = withKeys(writer, ['b', 'a']);
    const messages = hear('run');
    const rewrapping = await start(process, { concurrency: 1 });
    for (;;) {
      const { done, value } = await pull(rewrapping, process.clock);
      if (done) break;
      const behind = await writer.memory.count(old);
      const { left = behind } = messages.at(-1) ?? {};
      // What the store has not got yet, and at most the one row that is under way.
      expect(left - behind).toBeGreaterThanOrEqual(0);
      expect(left - behind).toBeLessThanOrEqual(1);
      if (value.type === 'passed') expect(left).toBe(behind);
    }
    expect(lefts(messages.filter(({ event }) => event.type === 'changed'))).toEqual(
      Array.from({ length: NOTES }, (_each, index) => NOTES - 1 - index),
    );
    expect(messages.at(-1)).toMatchObject({ left: 0, total: NOTES, event: { type: 'finished' } });
    expect((await takeCensus(process.encryptor)).behind).toBe(0);
    const late = lefts(messages.filter(({ event }) => event.type === 'unchanged'));
    expect(late).toEqual(Array.from({ length: 2 * NOTES }, () => 0));
  });

  it('stay at what could not be moved', async () => {
    const writer = setup();
    await writeNotes(writer, NOTES);
    const [one, other] = await rows(writer);
    await spoil(writer, one as ActiveDekRow);
    await spoil(writer, other as ActiveDekRow);
    const third = withKeys(writer, ['c', 'b', 'a']);
    const messages = hear('run');
    await rewrap(third);
    const { behind } = await takeCensus(third.encryptor);
    expect(behind).toBe(2);
    expect(messages.at(-1)).toMatchObject({ left: behind, event: { type: 'finished' } });
  });

  it('are not those that are gone when their turn comes', async () => {
    const writer = setup();
    await writeNotes(writer, NOTES);
    const process = withKeys(writer, ['b', 'a']);
    process.store.after = (method, result) => (method === 'count' ? Number(result) + 3 : result);
    const messages = hear('run');
    await rewrap(process);
    const ofFirstPass = messages.filter(({ event }) => event.type === 'changed');
    expect(ofFirstPass.at(-1)).toMatchObject({ total: NOTES + 3, left: 3 });
    expect(messages.find(({ event }) => event.type === 'passed')).toMatchObject({ left: 0 });
  });

  it('are those of other versions too', async () => {
    const writer = setup();
    await writeNotes(writer, NOTES);
    const process = withKeys(writer, ['b', 'a', 'c']);
    const messages = hear('run');
    await rewrap(process, { sourceVersion: await versionOf('c'), allowUnknown: true });
    expect((await takeCensus(process.encryptor)).behind).toBe(NOTES);
    expect(messages.at(-1)).toMatchObject({ left: NOTES, event: { type: 'finished' } });
  });

  it('are what a dry run would have to move', async () => {
    const writer = setup();
    await writeNotes(writer, NOTES);
    const process = withKeys(writer, ['b', 'a']);
    const messages = hear('run');
    const { summary } = await rewrap(process, { dryRun: true });
    expect(summary.wouldChange).toBe(NOTES);
    expect(messages.at(-1)).toMatchObject({ left: NOTES, dryRun: true });
  });
});

/** A row whose wrap no longer opens to the key that it commits to. */
async function spoil({ memory }: Setup, row: ActiveDekRow): Promise<void> {
  const { etag } = (await memory.get(row.id)) ?? { etag: '' };
  const commitment = Buffer.alloc(32, 7).toString('base64url');
  await memory.replace({ ...row, commitment }, etag);
}

describe('pass-throughs', () => {
  it('agree with "plaintextReads" and "onPlaintextRead", path by path', async () => {
    const told: string[] = [];
    const made = setup({ mode: 'migrate', onPlaintextRead: ({ path }) => told.push(path) });
    const messages = hear('plaintextRead');
    const plain = { ...KEY, title: 'canary of plaintext read', tags: ['a', 'b'], meta: 'odd' };
    await decryptAny(made.encryptor, plain);
    await made.encryptor.decryptDocuments(note, [plain, plain] as never[]);
    const open = await made.encryptor.openDocument(note, KEY);
    open.open('body', 'plain');
    expect(made.encryptor.plaintextReads).toBe(13);
    expect(messages).toHaveLength(13);
    expect(messages.map(({ path }) => path)).toEqual(told);
    expect(messages[0]).toEqual({ product: PRODUCT, collection: 'notes', path: 'meta' });
  });

  it('are published without other subscribers', async () => {
    const made = setup({ mode: 'migrate' });
    const messages = hear('plaintextRead');
    const open = await made.encryptor.openDocument(note, KEY);
    open.open('tags[]', 'plain');
    await decryptAny(made.encryptor, { ...KEY, body: 'plain' });
    expect(messages.map(({ path }) => path)).toEqual(['tags[]', 'body']);
    expect(made.encryptor.plaintextReads).toBe(2);
  });

  it('are none where plaintext is refused', async () => {
    const made = setup({ dekCache: new DekCache() });
    const messages = hear('plaintextRead');
    const refusal = rejection(decryptAny(made.encryptor, { ...KEY, body: 'plain' }));
    expect(await refusal).toMatchObject({ code: 'PLAINTEXT_REFUSED' });
    expect(messages).toEqual([]);
  });
});

function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
