import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import {
  createFieldEncryptor,
  rewrapAllDeks,
  type FieldEncryptor,
  type RewrapSummary,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { decryptAny, encryptAny, KEY, PRODUCT, type Loose } from '../support/encryptor.js';
import { createMek, enableMek, rotateMek, vaultProvider } from './lowkey-vault.js';

const NOTES = 40;

/** A process with caches of its own. */
function processOver(dekStore: MemoryDekStore, mekName: string): FieldEncryptor {
  const keyProviders = [vaultProvider({ mekName })];
  return createFieldEncryptor({ product: PRODUCT, dekStore, keyProviders, fenceTtlMs: 1_000 });
}

async function rewrap(encryptor: FieldEncryptor, mekVersion: string): Promise<RewrapSummary> {
  for await (const event of rewrapAllDeks(encryptor, { target: { mekVersion } })) {
    if (event.type === 'finished') return event.summary;
  }
  throw new Error('The last event is not "finished"');
}

async function writeNotes(encryptor: FieldEncryptor): Promise<readonly Loose[]> {
  const ids = Array.from({ length: NOTES }, (_each, index) => `note-${String(index)}`);
  return Promise.all(ids.map((id) => encryptAny(encryptor, { ...KEY, id, body: `of ${id}` })));
}

async function versionsIn(dekStore: MemoryDekStore): Promise<readonly string[]> {
  const { items } = await dekStore.list({ product: PRODUCT }, { pageSize: 1_000 });
  expect(items).toHaveLength(NOTES);
  return [
    ...new Set(items.map(({ value }) => (value as DekRow & { mekVersion: string }).mekVersion)),
  ];
}

describe('a rotation on Lowkey Vault', () => {
  it('moves every DEK to the new version, without which the old one opens nothing more', async () => {
    const mekName = 'rotation';
    const dekStore = new MemoryDekStore();
    const first = await createMek(mekName);
    const notes = await writeNotes(processOver(dekStore, mekName));
    expect(await versionsIn(dekStore)).toEqual([first]);

    const second = await rotateMek(mekName);
    expect(await rewrap(processOver(dekStore, mekName), second)).toMatchObject({
      ...{ complete: true, epoch: 2, changed: NOTES, scanned: NOTES, unchanged: NOTES },
      ...{ repaired: 0, flipped: 0, skipped: 0, failed: 0 },
    });
    expect(await versionsIn(dekStore)).toEqual([second]);

    await enableMek(mekName, first, false);
    const reader = processOver(dekStore, mekName);
    for (const note of notes) {
      const id = String(note['id']);
      expect(await decryptAny(reader, note)).toEqual({ ...KEY, id, body: `of ${id}` });
    }
    expect(await rewrap(reader, second)).toMatchObject({ complete: true, changed: 0, failed: 0 });
  });
});
