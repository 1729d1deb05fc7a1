import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import * as newCore from '../../src/index.js';
import type { DekStoreItem } from '../../src/adapters.js';
import type { FieldEncryptor, MigrationEvent, RewrapEvent } from '../../src/index.js';
import * as newSqlite from '../../src/sqlite/index.js';
import { sampleItems } from '../../src/testing/sample-items.js';
import { MEK_HEX, OTHER_MEK_HEX } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { hasPreviousBuild, previousBuild, type PreviousBuild } from '../support/previous-build.js';
import { RECORD_KEY } from '../support/records.js';
import { AutoClock } from '../support/rotation/auto-clock.js';

const PATIENCE_MS = 1_200_000;
const PRODUCT = 'notelett';
const RECORD_KEYS = [
  { name: 'without a record key', recordKey: undefined },
  { name: 'with a record key', recordKey: RECORD_KEY },
];

interface Note {
  readonly id: string;
  readonly body: string;
}

type Core = typeof newCore;

/** One version of the package with its own handle of the file, as a process of its own would have it. */
class Version {
  readonly core: Core;
  readonly encryptor: FieldEncryptor;
  readonly dekStore: newSqlite.SqliteDekStore;
  readonly notes: newSqlite.SqliteDocumentStore<never>;

  constructor(
    { core, sqlite }: Pick<PreviousBuild, 'core' | 'sqlite'>,
    { file, recordKey, clock }: Setting,
  ) {
    const handle = new Database(file);
    onTestFinished(() => void handle.close());
    this.core = core;
    this.dekStore = new sqlite.SqliteDekStore(handle);
    this.notes = new sqlite.SqliteDocumentStore(handle, { table: 'notes', key: ['id'] });
    this.encryptor = core.createFieldEncryptor({
      product: PRODUCT,
      keyProviders: [new core.EnvKeyProvider({ key: OTHER_MEK_HEX, previousKeys: [MEK_HEX] })],
      dekStore: this.dekStore,
      fenceTtlMs: 1_000,
      clock,
      ...(recordKey !== undefined && { recordKey }),
    });
  }

  get definition() {
    return this.core.defineDocument<Note>()({
      collection: 'notes',
      key: ['id'],
      fields: ['body'],
    });
  }

  async write(id: string, body: string): Promise<void> {
    const sealed = await this.encryptor.encryptDocument(this.definition, { id, body });
    await this.notes.create(sealed as never);
  }

  async edit(id: string, body: string): Promise<void> {
    const { encryptor, definition, notes } = this;
    await encryptor.updateDocument(definition, notes, { id }, () => ({ id, body }));
  }

  async read(id: string): Promise<string> {
    const item = await this.notes.get({ id });
    const document = item?.document as never;
    return (await this.encryptor.decryptDocument(this.definition, document)).body;
  }

  async dekIdOf(id: string): Promise<string> {
    const item = await this.notes.get({ id });
    return (item?.document as unknown as { body: { dekId: string } }).body.dekId;
  }

  async rotateTo(keyHex: string): Promise<Extract<RewrapEvent, { type: 'finished' }>['summary']> {
    const mekVersion = await new this.core.EnvKeyProvider({ key: keyHex }).currentVersion();
    const target = { mekVersion };
    return lastOf(this.core.rewrapAllDeks(this.encryptor, { target })) as never;
  }

  async reencrypt(createdBefore: Date): Promise<{ readonly complete: boolean }> {
    const { core, encryptor, definition, notes } = this;
    const run = core.reencryptDocuments(encryptor, definition, notes, {
      createdBefore,
      shred: true,
    });
    return (await lastOf(run)) as { readonly complete: boolean };
  }
}

interface Setting {
  readonly file: string;
  readonly recordKey: string | undefined;
  readonly clock: AutoClock;
}

async function lastOf(run: AsyncIterable<MigrationEvent | RewrapEvent>): Promise<unknown> {
  let summary: unknown;
  for await (const event of run) if (event.type === 'finished') ({ summary } = event);
  return summary;
}

const isHere = hasPreviousBuild();
if (!isHere) console.log('skipped: the history of this clone does not hold the version before');

describe.skipIf(!isHere)('two versions over one store', { timeout: PATIENCE_MS }, () => {
  let previous: PreviousBuild;

  beforeAll(async () => {
    previous = await previousBuild();
  }, PATIENCE_MS);

  afterAll(() => {
    previous.remove();
  });

  function both(recordKey?: string): readonly [before: Version, after: Version, AutoClock] {
    const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-versions-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const clock = new AutoClock();
    const setting = { file: join(folder, 'notes.db'), recordKey, clock };
    const after = { core: newCore, sqlite: newSqlite };
    return [new Version(previous, setting), new Version(after, setting), clock];
  }

  it.each(RECORD_KEYS)('open and overwrite what the other sealed, $name', async ({ recordKey }) => {
    const [before, after] = both(recordKey);
    await before.write('1', 'by the version before');
    await after.write('2', 'by this version');
    expect(await after.read('1')).toBe('by the version before');
    expect(await before.read('2')).toBe('by this version');
    await after.edit('1', 'edited by this version');
    await before.edit('2', 'edited by the version before');
    expect(await before.read('1')).toBe('edited by this version');
    expect(await after.read('2')).toBe('edited by the version before');
  });

  it.each(RECORD_KEYS)('go on beside a rotation of either, $name', async ({ recordKey }) => {
    const [before, after] = both(recordKey);
    for (const [at, rotated] of [after, before, after].entries()) {
      await before.write(`old ${String(at)}`, 'o');
      await after.write(`new ${String(at)}`, 'n');
      const key = at % 2 === 0 ? MEK_HEX : OTHER_MEK_HEX;
      expect(await rotated.rotateTo(key)).toMatchObject({ complete: true, failed: 0 });
      for (const version of [before, after]) {
        const { encryptor, core } = version;
        expect(await core.takeCensus(encryptor)).toMatchObject({ settled: true, unreadable: 0 });
        for (let each = 0; each <= at; each += 1) {
          expect(await version.read(`old ${String(each)}`)).toBe('o');
          expect(await version.read(`new ${String(each)}`)).toBe('n');
        }
      }
    }
  });

  it.each(RECORD_KEYS)('share the lease of a collection, $name', async ({ recordKey }) => {
    const [before, after, clock] = both(recordKey);
    await before.write('1', 'text');
    for (const version of [before, after, before]) {
      clock.advance(1_000);
      const { core, encryptor, definition, notes } = version;
      const run = core.backfillDocuments(encryptor, definition, notes);
      expect(await lastOf(run)).toMatchObject({ complete: true });
    }
  });

  describe('after this one has re-encrypted', () => {
    async function reencrypted(recordKey?: string): Promise<readonly [Version, Version]> {
      const [before, after, clock] = both(recordKey);
      await before.write('1', 'text');
      clock.advance(1_000);
      const createdBefore = new Date(clock.wallMs());
      expect(await after.reencrypt(createdBefore)).toMatchObject({ complete: true });
      return [before, after];
    }

    it.each(RECORD_KEYS)(
      'the one before still reads and writes, above the floor, $name',
      async ({ recordKey }) => {
        const [before, after] = await reencrypted(recordKey);
        expect(await before.read('1')).toBe('text');
        await before.edit('1', 'edited');
        expect(await after.read('1')).toBe('edited');
        await before.write('2', 'new');
        expect(await before.dekIdOf('2')).toMatch(/\.2$/);
        expect(await after.read('2')).toBe('new');
      },
    );

    it('a rotation of the one before names the item and does not complete; this one completes it', async () => {
      const [before, after] = await reencrypted();
      const refused = await before.rotateTo(MEK_HEX);
      expect(refused).toMatchObject({ complete: false, failed: 1 });
      const { unreadableRows } = await before.core.takeCensus(before.encryptor);
      expect(unreadableRows.map(({ error }) => (error as { code: string }).code)).toEqual([
        'ROW_UNSUPPORTED',
      ]);
      expect(await after.rotateTo(MEK_HEX)).toMatchObject({ complete: true, failed: 0 });
      for (const version of [before, after]) expect(await version.read('1')).toBe('text');
    });
  });

  it('this one passes over items of later versions, and the one before does not complete over them', async () => {
    const [before, after] = both();
    await before.write('1', 'text');
    const later = sampleItems(PRODUCT).filter(({ type }) => !['rotation', 'lease'].includes(type));
    for (const item of later) await after.dekStore.createItem(item);
    expect(await before.rotateTo(MEK_HEX)).toMatchObject({ complete: false, failed: later.length });
    expect(await after.rotateTo(MEK_HEX)).toMatchObject({ complete: true, failed: 0 });
    expect(await after.core.takeCensus(after.encryptor)).toMatchObject({ settled: true });
    expect(await before.read('1')).toBe('text');
  });

  it('the one before takes an item of a later version for a row of a product that has no record', async () => {
    const [before, after] = both();
    const [item] = sampleItems(PRODUCT).filter(({ type }) => type === 'definition');
    await after.dekStore.createItem(item as DekStoreItem);
    expect(await rejection(before.write('1', 'text'))).toMatchObject({
      code: 'ROTATION_RECORD_MISSING',
    });
    await after.write('1', 'text');
    await before.write('2', 'text');
    expect(await after.read('2')).toBe('text');
  });
});
