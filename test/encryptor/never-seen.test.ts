import { describe, expect, it } from 'vitest';
import { defineDocument, defineUntypedDocument } from '../../src/index.js';
import { setup, type Loose } from '../support/encryptor.js';

const item = defineUntypedDocument({
  collection: 'items',
  key: ['id'],
  fields: ['titel', 'meta.place', 'tags[]', 'lines[].text', 'body'],
});
const OTHERS = { meta: { place: 'p' }, tags: ['a'], lines: [{ text: 'l' }], body: 'b' };

async function encryptTimes(
  { encryptor }: ReturnType<typeof setup>,
  times: number,
  fields: Loose,
): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    await encryptor.encryptDocument(item, { id: '1', ...fields });
  }
}

async function neverSeen({ encryptor }: ReturnType<typeof setup>): Promise<unknown> {
  return (await encryptor.checkReadiness()).neverSeen;
}

const items = (...paths: readonly string[]): unknown => [{ collection: 'items', paths }];

describe('paths that no document had', () => {
  it('are named from the hundredth document on, until one has them', async () => {
    const made = setup();
    await encryptTimes(made, 99, OTHERS);
    expect(await neverSeen(made)).toEqual([]);
    await encryptTimes(made, 1, OTHERS);
    expect(await neverSeen(made)).toEqual(items('titel'));
    await encryptTimes(made, 1, { titel: null });
    expect(await neverSeen(made)).toEqual([]);
  });

  it('count absent where a container or the elements do not have them', async () => {
    const made = setup();
    await encryptTimes(made, 100, {
      titel: undefined,
      meta: null,
      tags: null,
      lines: [null, {}, { text: undefined }],
      body: '',
    });
    expect(await neverSeen(made)).toEqual(items('titel', 'meta.place', 'tags[]', 'lines[].text'));
    await encryptTimes(made, 1, { meta: { place: '' }, tags: [], lines: [{}, { text: 'l' }] });
    expect(await neverSeen(made)).toEqual(items('titel'));
  });

  it('count documents that are decrypted, in a list or alone, and those that are updated', async () => {
    const writer = setup();
    const stored = await writer.encryptor.encryptDocument(item, { id: '1', body: 'b' });
    const reader = setup({ beside: writer });
    for (let at = 0; at < 50; at += 1) await reader.encryptor.decryptDocument(item, stored);
    await reader.encryptor.decryptDocuments(item, new Array<typeof stored>(49).fill(stored));
    expect(await neverSeen(reader)).toEqual([]);
    await reader.encryptor.beginWrite(item, { id: '1', body: 'c' });
    expect(await neverSeen(reader)).toEqual(items('titel', 'meta.place', 'tags[]', 'lines[].text'));
    expect(await neverSeen(writer)).toEqual([]);
  });

  it('do not include a path that was sealed or opened alone', async () => {
    const made = setup();
    await encryptTimes(made, 100, { body: 'b' });
    const open = await made.encryptor.openDocument(item, { id: '1' });
    const envelope = open.seal('titel', 't');
    open.seal('meta.place', 'p');
    const other = setup({ beside: made });
    await encryptTimes(other, 100, { body: 'b' });
    (await other.encryptor.openDocument(item, { id: '1' })).open('titel', envelope);
    expect(await neverSeen(made)).toEqual(items('tags[]', 'lines[].text'));
    expect(await neverSeen(other)).toEqual(items('meta.place', 'tags[]', 'lines[].text'));
  });

  it('are counted together for definitions of one content, and apart for others', async () => {
    const made = setup();
    const { encryptor } = made;
    const define = (fields: readonly ['a', ...('a' | 'b')[]]) =>
      defineDocument<{ id: string; a?: string; b?: string }>()({
        collection: 'made',
        key: ['id'],
        fields,
      });
    for (let at = 0; at < 50; at += 1) {
      await encryptor.encryptDocument(define(['a', 'b']), { id: '1', b: 'b' });
      await encryptor.encryptDocument(define(['a', 'b']), { id: '1', b: 'b' });
      await encryptor.encryptDocument(define(['a']), { id: '1' });
    }
    expect(await neverSeen(made)).toEqual([{ collection: 'made', paths: ['a'] }]);
  });
});
