/** What is published of failed reads, of the rotation record, and of readiness. @module */
import { describe, expect, it } from 'vitest';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  PRODUCT,
  setup,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { hear } from '../support/hear.js';
import { pullUntil, start, versionOf, withKeys, writeNotes } from '../support/rotations.js';

const ABOUT = { product: PRODUCT, collection: 'notes' };

describe('a document that cannot be opened', () => {
  it('is published by code, with its DEK and declared path where they are known', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    const { dekId } = envelopeAt(stored, 'body');
    const messages = hear('failedOpen');
    await decryptAny(encryptor, stored);
    expect(messages).toEqual([]);
    const altered = { ...stored, body: { ...envelopeAt(stored, 'body'), ct: 'A'.repeat(64) } };
    await rejection(decryptAny(encryptor, altered));
    await rejection(decryptAny(encryptor, { ...KEY, body: 'Not sealed' }));
    expect(messages).toEqual([
      { ...ABOUT, errorCode: 'TAMPERED', dekId, path: 'body' },
      { ...ABOUT, errorCode: 'PLAINTEXT_REFUSED', path: 'body' },
    ]);
  });

  it('is published once in a list, and by a document that was opened before', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    const messages = hear('failedOpen');
    const outcomes = await encryptor.decryptDocuments(note, [
      stored,
      { ...stored, id: 'b' },
    ] as never);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false]);
    const opened = await encryptor.openDocument(note, KEY);
    expect(() => opened.open('title', stored['body'] as never)).toThrow();
    expect(messages.map(({ errorCode }) => errorCode)).toEqual(['TAMPERED', 'TAMPERED']);
  });

  it('is not published where the caller made a mistake, or aborted', async () => {
    const { encryptor, provider } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    const messages = hear('failedOpen');
    await rejection(encryptor.decryptDocument(note, 7 as never));
    await rejection(encryptor.decryptDocument(note, stored as never, { expect: {} }));
    encryptor.dekCache.clear();
    const controller = new AbortController();
    provider.before = () => {
      controller.abort();
    };
    await rejection(
      encryptor.decryptDocument(note, stored as never, { signal: controller.signal }),
    );
    expect(messages).toEqual([]);
  });
});

describe('the rotation record', () => {
  it('is published whenever it is read: epoch, state and target', async () => {
    const writer = setup();
    const messages = hear('rotationRecord');
    await writeNotes(writer, 1);
    const mek = { keyProvider: 'env', mekName: 'env' };
    const [a, b] = [await versionOf('a'), await versionOf('b')];
    const first = {
      product: PRODUCT,
      epoch: 1,
      state: 'complete',
      target: { ...mek, mekVersion: a },
    };
    expect(messages).toEqual([first]);
    const operator = withKeys(writer, ['b', 'a']);
    const rotation = await start(operator);
    await pullUntil(rotation, operator.clock, 'finished');
    await operator.encryptor.checkReadiness();
    const target = { ...mek, mekVersion: b };
    expect(messages.at(-1)).toEqual({ product: PRODUCT, epoch: 2, state: 'complete', target });
    expect(messages.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['fencing', 'rewrapping']),
    );
  });
});

describe('a check of readiness', () => {
  it('is published by the names of its checks, without errors', async () => {
    const { encryptor, provider } = setup({ mode: 'migrate' });
    const messages = hear('readiness');
    provider.before = () => {
      throw new Error('Down');
    };
    await encryptor.checkReadiness();
    expect(messages).toEqual([
      {
        ...{ product: PRODUCT, ready: false, enabled: true, mode: 'migrate' },
        checks: [
          { name: 'dek-store', ok: true },
          { name: 'key-provider env/env', ok: false },
        ],
      },
    ]);
  });
});
