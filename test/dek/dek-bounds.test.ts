import { describe, expect, it } from 'vitest';
import { generationIn, keyScope } from '../../src/format/key-scope.js';
import type { DekRow } from '../../src/adapters.js';
import { findUnreadableRows, takeCensus } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  PRODUCT,
  sealed,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { describeError, failure, tampered } from '../support/failure.js';
import { ofType, alterRecord, rewrap, withKeys } from '../support/rotations.js';
import { prune, upkeepOfType } from '../support/pruning.js';
import { activeRow, tombstone } from '../support/rows.js';

const PARTS = ['notes', KEY.workspaceId, KEY.id];
const SCOPE = keyScope('document', PRODUCT, PARTS).scopeId;
/** Of a product whose `generationFloor` is 1. */
const HIGHEST = 1 + 2 ** 20;
const FORGED = [HIGHEST + 1, Number.MAX_SAFE_INTEGER];

const refusal = (generation: number): ReturnType<typeof tampered> =>
  tampered(
    `DEK ${SCOPE}.${String(generation)} is refused: its generation is more than 1048576 above the rotation record's generationFloor, which this library never creates; restore the item that names it from a backup, or delete the forged row`,
  );

async function planted(made: Setup, generation: number): Promise<DekRow> {
  const { keyProvider } = made;
  const mekVersion = await keyProvider.currentVersion();
  const dek = Buffer.alloc(32, 7);
  const row = await activeRow({ parts: PARTS, generation, dek, keyProvider, mekVersion });
  await made.memory.create(row);
  return row;
}

function renamed(stored: Loose, generation: number): Loose {
  const envelope = envelopeAt(stored, 'body');
  return { ...stored, body: { ...envelope, dekId: `${SCOPE}.${String(generation)}` } };
}

describe('a tombstone of a generation that the library never makes', () => {
  it.each(FORGED)('does not keep a shredded document from a new DEK: %i', async (generation) => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    await made.memory.create(tombstone(PARTS, generation));
    const other = setup({ beside: made });
    const stored = await encryptAny(other.encryptor, { ...KEY, body: 'again' });
    expect(generationIn(envelopeAt(stored, 'body').dekId)).toBe(2);
    expect(await decryptAny(other.encryptor, stored)).toEqual({ ...KEY, body: 'again' });
  });

  it('counts where it is as high as there can be: a refusal, and nothing is written', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    await made.memory.create(tombstone(PARTS, HIGHEST));
    const other = setup({ beside: made });
    const before = await contentsOf(made.memory);
    expect(await failure(encryptAny(other.encryptor, { ...KEY, body: 'text' }))).toEqual(
      tampered(
        `The DEK rows of scope ${SCOPE} leave no free generation, and this library never creates that number: restore them from a backup, or delete the forged one`,
      ),
    );
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('counts as soon as the floor of the rotation record is raised', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    await made.memory.create(tombstone(PARTS, HIGHEST + 1));
    await alterRecord(made, { generationFloor: 2 });
    const other = setup({ beside: made });
    const error = await failure(encryptAny(other.encryptor, { ...KEY, body: 'text' }));
    expect(error.code).toBe('TAMPERED');
  });
});

describe('an active row of a generation that the library never makes', () => {
  it.each(FORGED)('seals nothing: %i', async (generation) => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await planted(made, generation);
    const other = setup({ beside: made });
    const stored = await encryptAny(other.encryptor, { ...KEY, body: 'more' });
    expect(envelopeAt(stored, 'body').dekId).toBe(`${SCOPE}.1`);
    const open = await other.encryptor.openDocument(note, KEY);
    expect(open.seal('title', 'more').dekId).toBe(`${SCOPE}.1`);
  });

  it('is not even the first of its scope', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, id: 'another', body: 'text' });
    await planted(made, HIGHEST + 1);
    expect((await sealed(setup({ beside: made }).encryptor, 'text')).dekId).toBe(`${SCOPE}.1`);
  });

  it.each(FORGED)(
    'opens nothing, alone or in a list, and is not asked for: %i',
    async (generation) => {
      const made = setup();
      const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
      await planted(made, generation);
      const other = setup({ beside: made });
      const forged = renamed(stored, generation);
      expect(await failure(decryptAny(other.encryptor, forged))).toEqual(refusal(generation));
      expect(other.store.calls).toEqual({ getRotation: 1 });
      const list = [forged, stored, renamed(stored, generation - 1)] as never[];
      const [first, second] = await other.encryptor.decryptDocuments(note, list);
      expect(first?.ok === false && describeError(first.error)).toEqual(refusal(generation));
      expect(second).toMatchObject({ ok: true });
    },
  );

  it('opens under a floor that allows it, and without a rotation record to go by', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    await planted(made, HIGHEST + 1);
    const forged = renamed(stored, HIGHEST + 1);
    await alterRecord(made, { generationFloor: 2 });
    const wrongKey = await failure(decryptAny(setup({ beside: made }).encryptor, forged));
    expect(wrongKey.message).toContain('failed authentication under DEK');
    const other = setup({ beside: made });
    other.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    const without = await failure(decryptAny(other.encryptor, forged));
    expect(without.message).toContain('failed authentication under DEK');
  });

  it('is shredded with the others', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const { id } = await planted(made, HIGHEST + 1);
    const { shredded } = await made.encryptor.shred(note, KEY);
    expect([...shredded].sort()).toEqual([`${SCOPE}.1`, id].sort());
  });
});

describe('a row of a generation that the library never makes', () => {
  const kinds: readonly (readonly [string, (made: Setup) => Promise<DekRow>])[] = [
    ['that is live', (made) => planted(made, HIGHEST + 1)],
    [
      'that is a tombstone',
      async ({ memory }) => {
        const row = tombstone(PARTS, HIGHEST + 1);
        await memory.create(row);
        return row;
      },
    ],
  ];

  it.each(kinds)('and %s is named by a census and by a search', async (_what, plant) => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const { id } = await plant(made);
    const census = await takeCensus(made.encryptor);
    expect(census).toMatchObject({ rows: 2, active: 1, unreadable: 1, settled: false });
    expect(census.unreadableRows).toMatchObject([{ dekId: id, error: { code: 'TAMPERED' } }]);
    const events = [];
    for await (const event of findUnreadableRows(made.encryptor)) events.push(event);
    expect(events).toMatchObject([
      { type: 'unreadable', dekId: id, scope: PARTS },
      { summary: { readable: 1, unreadable: 1 } },
    ]);
    await alterRecord(made, { generationFloor: 2 });
    expect((await takeCensus(made.encryptor)).unreadable).toBe(0);
  });

  it('is searched for without a rotation record that can be read', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await planted(made, HIGHEST + 1);
    await alterRecord(made, { schema: 2 });
    for await (const event of findUnreadableRows(made.encryptor)) {
      expect(event).toMatchObject({ type: 'finished', summary: { unreadable: 0 } });
    }
  });

  it('fails alone in a rotation and in its dry run, and completes neither', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const { id } = await planted(made, HIGHEST + 1);
    const operator = withKeys(made, ['b', 'a']);
    for (const dryRun of [true, false]) {
      const result = await rewrap(operator, { dryRun });
      expect(result.summary).toMatchObject({ complete: false, failed: 1 });
      for (const { dekId, error } of ofType(result, 'failed')) {
        expect(dekId).toBe(id);
        expect(describeError(error)).toEqual(refusal(HIGHEST + 1));
      }
    }
  });

  it('is not changed by an upkeep', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const { id } = await planted(made, HIGHEST + 1);
    const pruned = await prune(made);
    expect(pruned.summary).toMatchObject({ complete: false, unchanged: 1, failed: 1 });
    const [failed] = upkeepOfType(pruned, 'failed');
    expect(failed?.dekId).toBe(id);
    expect(describeError(failed?.error)).toEqual(refusal(HIGHEST + 1));
  });

  it('moves once an operator has raised the floor', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await planted(made, HIGHEST + 1);
    await alterRecord(made, { generationFloor: 2 });
    const { summary } = await rewrap(withKeys(made, ['b', 'a']));
    expect(summary).toMatchObject({ complete: true, changed: 2, failed: 0 });
  });
});
