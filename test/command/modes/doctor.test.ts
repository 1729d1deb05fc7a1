import { randomBytes } from 'node:crypto';
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { afterEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/doctor.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { recordKeyWorld } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import {
  CommandWorld,
  noteDefinition,
  PRODUCT,
  type Note,
  type WorldOptions,
} from '../../support/command-world.js';

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function made(options: WorldOptions = {}): Promise<void> {
  world = await CommandWorld.make({ notes: 3, ...options });
}

async function doctor(...args: readonly string[]) {
  const outcome = await world.run(['doctor', '--json', ...args]);
  const report = reportIn(outcome, resultSchema);
  const lines = report.findings.map(({ level, check }) => `${level} ${check}`);
  return { ...outcome, report, lines, result: report.result };
}

interface StoredRow {
  readonly row: Record<string, unknown>;
  readonly etag: string;
}

async function storedRows(): Promise<readonly StoredRow[]> {
  const { items } = await world.dekStore.list({ product: PRODUCT }, { pageSize: 1_000 });
  return items.map(({ value, etag }) => ({ row: value as Record<string, unknown>, etag }));
}

/** The row of the note with this number, changed past the library. */
async function changeRow(number: number, change: object): Promise<string> {
  const { row, etag } = await rowOf(number);
  await world.dekStore.replace({ ...row, ...change } as never, etag);
  return String(row['id']);
}

async function rowOf(number: number): Promise<StoredRow> {
  const rows = await storedRows();
  const found = rows.find(({ row }) => (row['scope'] as string[]).includes(`n${String(number)}`));
  if (!found) throw new Error('There is no such row');
  return found;
}

async function removeRow(number: number): Promise<string> {
  const { row, etag } = await rowOf(number);
  const id = String(row['id']);
  await world.dekStore.deleteItem(String(row['scopeId']), id, etag);
  return id;
}

function keyOf(number: number): { workspaceId: string; id: string } {
  return { workspaceId: 'w1', id: `n${String(number)}` };
}

async function changeNote(number: number, change: (note: Note) => object): Promise<void> {
  const item = await world.notes.get(keyOf(number));
  if (!item) throw new Error('There is no such note');
  await world.notes.replace(change(item.document) as Note, item.etag);
}

describe('doctor', () => {
  it('finds nothing where nothing is wrong', async () => {
    await made();
    const { code, report, result } = await doctor();
    expect(code).toBe(0);
    expect(report.findings).toEqual([]);
    expect(result).toMatchObject({
      rows: { scanned: 3, unreadable: 0 },
      collections: [{ collection: 'notes', scanned: 3, missing: { absent: 0, shredded: 0 } }],
    });
    expect((await world.run(['doctor'])).stdout).toContain('Nothing is wrong with notelett.');
  });

  it('names an absent DEK, and the command that brings it back from the configured copy', async () => {
    await made({
      config: ({ products: { notelett } }) => ({
        products: {
          notelett: {
            ...notelett,
            copies: { restored: { dekStore: { type: 'sqlite', file: 'restored.sqlite' } } },
          },
        },
      }),
    });
    const dekId = await removeRow(1);
    const { code, report, result } = await doctor();
    expect(code).toBe(3);
    expect(report.findings).toMatchObject([
      {
        level: 'fail',
        check: 'missing-deks',
        message: `1 DEK that documents of "notes" name without a row: ${dekId}`,
        command: `encrypt-migrate import-rows --dry-run --from restored --dek-id ${dekId}`,
      },
    ]);
    expect(result).toMatchObject({
      collections: [{ missing: { absent: 1, examples: [{ dekId, paths: ['body', 'tags[]'] }] } }],
    });
    expect(JSON.stringify(result)).not.toContain('"n1"');
    const named = await doctor('--document-keys');
    expect(named.result).toMatchObject({
      collections: [{ missing: { examples: [{ key: keyOf(1) }] } }],
    });
  });

  it('tells a DEK that was shredded from one that was lost', async () => {
    await made();
    await world.encryptor().shred(noteDefinition, keyOf(2));
    const { code, lines, report, result } = await doctor();
    expect(code).toBe(3);
    expect(lines).toEqual(['warn missing-deks']);
    expect(result).toMatchObject({ collections: [{ missing: { absent: 0, shredded: 1 } }] });
    expect(report.findings[0]?.message).toContain('shredded on purpose');
  });

  it('names a DEK whose document is deleted', async () => {
    await made();
    const item = await world.notes.get(keyOf(0));
    await world.notes.delete(keyOf(0), item?.etag ?? '');
    expect((await doctor()).lines).toEqual([]);
    const dekId = await changeRow(0, { createdAt: '2026-01-01T00:00:00.000Z' });
    const { code, lines, report } = await doctor();
    expect(code).toBe(3);
    expect(lines).toEqual(['warn orphan-deks']);
    expect(report.findings[0]?.message).toBe(`1 DEK of deleted documents of "notes": ${dekId}`);
  });

  it('names an envelope at a place that no path covers', async () => {
    await made();
    await changeNote(1, (note) => ({ ...note, extra: note.body }));
    const { code, lines, report } = await doctor();
    expect(code).toBe(3);
    expect(lines).toEqual(['fail stray-envelopes']);
    expect(report.findings[0]?.message).toBe(
      '1 envelope in 1 document of "notes" where the definition has no path: extra',
    );
  });

  it('names documents that cannot be checked', async () => {
    await made();
    await changeNote(1, (note) => ({ ...note, body: { _enc: 1, ct: 'no envelope' } }));
    const { code, lines, report } = await doctor();
    expect(code).toBe(3);
    expect(lines).toEqual(['fail documents']);
    expect(report.findings[0]?.message).toContain('1 document of "notes" cannot be checked');
  });

  it('names each row that cannot be read, the first ten with a command, and the exact count', async () => {
    await made({ notes: 12 });
    const ids: string[] = [];
    for (let number = 0; number < 12; number += 1) {
      ids.push(await changeRow(number, { commitment: 'AAAA' }));
    }
    const { code, report, result } = await doctor();
    expect(code).toBe(3);
    const found = report.findings.filter(({ check }) => check === 'unreadable-rows');
    expect(found).toHaveLength(11);
    for (const { command } of found.slice(0, 10)) {
      const [, id = ''] = /--dek-id (\S+)/.exec(command ?? '') ?? [];
      expect(ids).toContain(id);
      expect(command).toBe(`encrypt-migrate abandon --dek-id ${id} --evidence ${id}.json`);
    }
    expect(found.at(-1)?.message).toBe('2 more rows cannot be read, 12 rows in all');
    expect(result).toMatchObject({ rows: { scanned: 12, unreadable: 12 } });
  });

  it.each([
    [
      'RECORD_KEY_UNKNOWN',
      'The row is whole. Add the record key that it names to "previousRecordKeys", and run this again.',
      async () => {
        expect((await world.run(['reseal', '--yes'])).code).toBe(0);
        Object.assign(world.env, { NOTES_RECORD_KEY: randomBytes(32).toString('hex') });
      },
    ],
    [
      'ROW_UNSUPPORTED',
      'The row may be whole. Do what the message says, and run this again.',
      () => changeRow(0, { schema: 2 }),
    ],
  ])('gives up no row that is only unknown here: %s', async (code, action, change) => {
    world = await recordKeyWorld({ notes: 1 });
    await change();
    const { report } = await doctor();
    const found = report.findings.filter(({ check }) => check === 'unreadable-rows');
    expect(found).toEqual([
      {
        level: 'fail',
        check: 'unreadable-rows',
        message: expect.stringContaining(`cannot be read: ${code}: `) as string,
        action,
      },
    ]);
  });

  it('names rows behind, plaintext, and definitions that drifted, each with its command', async () => {
    await made({
      plainNotes: 1,
      config: ({ products: { notelett } }) => {
        const { notes } = notelett.collections;
        const definition = { ...notes.definition, fields: ['body', 'tags[]', 'title'] };
        const collections = { notes: { ...notes, definition } };
        return { products: { notelett: { ...notelett, collections } } };
      },
    });
    const [before] = await storedRows();
    await rotate();
    const rows = await storedRows();
    const late = rows.find(({ row }) => row['id'] === before?.row['id']);
    await world.dekStore.replace(before?.row as never, late?.etag ?? '');
    const { code, report } = await doctor();
    expect(code).toBe(3);
    expect(report.findings.map(({ check, command }) => [check, command])).toEqual([
      [
        'rows-behind',
        `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${world.versions.new}`,
      ],
      ['definitions', 'encrypt-migrate definitions --collection notes --register'],
      ['plaintext', 'encrypt-migrate encrypt --collection notes'],
    ]);
  });

  it('does not end where documents cannot be read, and says so once', async () => {
    await made({
      config: ({ products: { notelett } }) => {
        const { notes } = notelett.collections;
        const documentStore = { ...notes.documentStore, file: 'absent.sqlite' };
        return {
          products: {
            notelett: { ...notelett, collections: { notes: { ...notes, documentStore } } },
          },
        };
      },
    });
    const { code, lines } = await doctor();
    expect(lines).toEqual(['unseen documents']);
    expect(code).toBe(0);
  });

  it('needs no key, and writes nothing', async () => {
    await made({ plainNotes: 1 });
    const before = fingerprint(world);
    const env = { NOTES_KEY: undefined, NOTES_PREVIOUS_KEYS: undefined };
    expect(await world.run(['doctor'], { env })).toMatchObject({ code: 3 });
    expect(fingerprint(world)).toEqual(before);
  });
});

async function rotate(): Promise<void> {
  const { old: previous, new: key } = world.keys;
  const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
  const target = { mekVersion: world.versions.new };
  for await (const event of rewrapAllDeks(world.encryptorWith(provider), { target })) {
    expect(event.type).not.toBe('failed');
  }
}
