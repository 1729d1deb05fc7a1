/** Messages about the DEKs in memory. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import {
  createFieldEncryptor,
  DekCache,
  diagnosticsChannels,
  type CacheMessage,
  type Envelope,
} from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  PRODUCT,
  sealed,
  setup,
  type Setup,
} from '../support/encryptor.js';
import { hear, onMessage } from '../support/hear.js';
import { rewrap, withKeys } from '../support/rotations.js';

async function written(): Promise<{ reader: Setup; writer: Setup; body: Envelope }> {
  const writer = setup();
  const body = await sealed(writer.encryptor, 'text');
  return { writer, reader: setup({ beside: writer }), body };
}

describe('the cache', () => {
  it('tells why a DEK left it', async () => {
    const writer = setup();
    const ids = ['1', '2', '3'];
    const stored = await Promise.all(
      ids.map((id) => encryptAny(writer.encryptor, { ...KEY, id, body: 'text' })),
    );
    const [one, two, three] = stored.map(({ body }) => (body as Envelope).dekId) as [
      string,
      string,
      string,
    ];
    const reader = setup({ beside: writer, cache: { maxEntries: 2, ttlMs: 10_000 } });
    const messages = hear('cache');
    for (const each of stored) await decryptAny(reader.encryptor, each);
    reader.dekCache.invalidate(one);
    reader.dekCache.invalidate(two);
    reader.clock.advance(10_000);
    await decryptAny(reader.encryptor, stored[2]);
    reader.dekCache.clear();
    reader.dekCache.clear();
    expect(messages).toEqual([
      { type: 'miss', dekId: one },
      { type: 'miss', dekId: two },
      { type: 'miss', dekId: three },
      { type: 'evicted', dekId: one, reason: 'full' },
      { type: 'evicted', dekId: two, reason: 'invalidated' },
      { type: 'evicted', dekId: three, reason: 'expired' },
      { type: 'miss', dekId: three },
      { type: 'evicted', dekId: three, reason: 'invalidated' },
    ]);
  });

  it('tells of a DEK that expired while the machine slept', async () => {
    const { reader, body } = await written();
    await decryptAny(reader.encryptor, { ...KEY, body });
    const messages = hear('cache');
    reader.clock.advanceWall(reader.dekCache.ttlMs);
    await decryptAny(reader.encryptor, { ...KEY, body });
    expect(messages).toEqual([
      { type: 'evicted', dekId: body.dekId, reason: 'expired' },
      { type: 'miss', dekId: body.dekId },
    ]);
  });

  it('tells nothing of a rewrap, which changes no key', async () => {
    const { writer, reader, body } = await written();
    await decryptAny(reader.encryptor, { ...KEY, body });
    const row = (await writer.memory.get(body.dekId))?.value as DekRow;
    const messages = hear('cache');
    reader.dekCache.rewrapped({ ...row, mekVersion: 'another' } as never);
    expect(messages).toEqual([]);
    expect(reader.dekCache.size).toBe(1);
  });

  it('publishes a DEK that was never requested again', async () => {
    const { writer, body } = await written();
    const dekCache = new DekCache({ ttlMs: 100 });
    const { memory: dekStore, keyProvider } = writer;
    const reader = createFieldEncryptor({
      ...{ product: PRODUCT, dekStore, dekCache },
      keyProviders: [keyProvider],
    });
    const evicted: CacheMessage[] = [];
    onMessage<'cache'>(diagnosticsChannels.cache, (message) => {
      if (message.type === 'evicted') evicted.push(message);
    });
    // A load that takes longer than `ttlMs`, on a busy machine, leaves nothing to evict: it is made again.
    while (evicted.length === 0) {
      await decryptAny(reader, { ...KEY, body });
      await sleep(200);
    }
    expect(evicted[0]).toEqual({ type: 'evicted', dekId: body.dekId, reason: 'expired' });
  });

  it('tells nothing of a whole rotation beside it', async () => {
    const { writer, body } = await written();
    const process = withKeys(writer, ['b', 'a']);
    await decryptAny(process.encryptor, { ...KEY, body });
    const messages = hear('cache');
    await rewrap(process);
    expect(messages).toEqual([]);
    expect(process.dekCache.size).toBe(1);
  });

  it('tells of everybody who waits for one load', async () => {
    const { reader, body } = await written();
    const messages = hear('cache');
    await Promise.all([1, 2, 3].map(() => decryptAny(reader.encryptor, { ...KEY, body })));
    expect(messages.map(({ type }) => type)).toEqual(['miss', 'joined', 'joined']);
  });
});
