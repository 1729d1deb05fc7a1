/** Rules for any place in a store that is written by compare-and-set. @module */
import assert from 'node:assert/strict';
import { hasCode } from '../errors/errors.js';
import {
  assertOneWins,
  assertRejectsWith,
  assertSameItem,
  assertSameStored,
} from './contract-assertions.js';
import type { SubjectCase } from './contract-case.js';

export interface CellItem {
  readonly value: unknown;
  readonly etag: string;
}

/** One place: a row, a record, a lease or a document, empty at first. */
export interface Cell<Item extends object> {
  /** An item for this place; a different number gives different content. */
  item(content: number): Item;
  create(item: Item): Promise<CellItem>;
  read(): Promise<CellItem | undefined>;
  replace(item: Item, etag: string): Promise<CellItem>;
}

/** The numbers of the rules in the contract. */
export interface CellRules {
  readonly create: string;
  readonly read: string;
  readonly replace: string;
  readonly etag: string;
}

type CellCheck = <Item extends object>(cell: Cell<Item>) => Promise<void>;
type CellCase = readonly [rule: keyof CellRules, name: string, check: CellCheck];

const WRITERS = 20;
const MOST_ATTEMPTS = 1_000;
const UNKNOWN_ETAG = 'an-etag-that-was-never-returned';

export function cellCases<Subject, Item extends object>(
  noun: string,
  rules: CellRules,
  cellOf: (subject: Subject) => Cell<Item>,
): readonly SubjectCase<Subject>[] {
  return CASES.map(([rule, name, check]) => ({
    rule: rules[rule],
    name: `${noun}: ${name}`,
    check: (subject) => check(cellOf(subject)),
  }));
}

const CASES: readonly CellCase[] = [
  [
    'create',
    'create writes to an empty place and returns what it wrote',
    async (cell) => {
      const created = await cell.create(cell.item(1));
      assertSameItem(created.value, cell.item(1));
      assertSameItem((await readBack(cell)).value, cell.item(1));
    },
  ],
  [
    'create',
    'create is refused where an item exists, and leaves it unchanged',
    async (cell) => {
      const first = await cell.create(cell.item(1));
      await assertRejectsWith('ALREADY_EXISTS', cell.create(cell.item(2)));
      await assertRejectsWith('ALREADY_EXISTS', cell.create(cell.item(1)));
      await assertUnchanged(cell, 1, first.etag);
    },
  ],
  [
    'create',
    'exactly one of 20 concurrent creates succeeds, and its item stays',
    async (cell) => {
      const creates = contents().map((content) => cell.create(cell.item(content)));
      const winner = await assertOneWins(creates, 'ALREADY_EXISTS');
      assertSameStored(await cell.read(), winner);
    },
  ],
  [
    'read',
    'a read returns undefined where nothing was written',
    async (cell) => {
      assert.equal(await cell.read(), undefined);
    },
  ],
  [
    'read',
    'a read returns the newest content',
    async (cell) => {
      let { etag } = await cell.create(cell.item(1));
      for (const content of [2, 3]) {
        ({ etag } = await cell.replace(cell.item(content), etag));
        assertSameItem((await readBack(cell)).value, cell.item(content));
      }
    },
  ],
  [
    'replace',
    'replace writes under the newest etag and returns what it wrote',
    async (cell) => {
      const { etag } = await cell.create(cell.item(1));
      const replaced = await cell.replace(cell.item(2), etag);
      assertSameItem(replaced.value, cell.item(2));
      assertSameItem((await readBack(cell)).value, cell.item(2));
    },
  ],
  [
    'replace',
    'replace is refused under any other etag, and writes nothing',
    async (cell) => {
      const first = await cell.create(cell.item(1));
      const second = await cell.replace(cell.item(2), first.etag);
      for (const etag of [first.etag, UNKNOWN_ETAG, '', '*']) {
        await assertRejectsWith('ETAG_MISMATCH', cell.replace(cell.item(3), etag));
      }
      await assertUnchanged(cell, 2, second.etag);
    },
  ],
  [
    'replace',
    'replace never inserts',
    async (cell) => {
      await assertRejectsWith('ETAG_MISMATCH', cell.replace(cell.item(1), UNKNOWN_ETAG));
      await assertRejectsWith('ETAG_MISMATCH', cell.replace(cell.item(1), '*'));
      assert.equal(await cell.read(), undefined);
    },
  ],
  [
    'replace',
    'exactly one of 20 concurrent replaces with one etag succeeds, and its item stays',
    async (cell) => {
      const { etag } = await cell.create(cell.item(1));
      const replaces = contents().map((content) => cell.replace(cell.item(content), etag));
      const winner = await assertOneWins(replaces, 'ETAG_MISMATCH');
      assertSameStored(await cell.read(), winner);
    },
  ],
  [
    'replace',
    '20 writers that read, replace and retry lose no update',
    async (cell) => {
      await cell.create(cell.item(1));
      const marks = new Map(contents().map((content) => [keyOf(cell.item(content)), content]));
      marks.set(keyOf(cell.item(1)), 1);
      await Promise.all(contents().map(() => stepOnce(cell, marks)));
      assertSameItem((await readBack(cell)).value, cell.item(WRITERS + 1));
    },
  ],
  [
    'etag',
    'each write returns the etag that the next read returns',
    async (cell) => {
      const created = await cell.create(cell.item(1));
      assert.ok(created.etag !== '', 'expected an etag');
      assert.equal((await readBack(cell)).etag, created.etag);
      const replaced = await cell.replace(cell.item(2), created.etag);
      assert.equal((await readBack(cell)).etag, replaced.etag);
      assert.equal((await readBack(cell)).etag, replaced.etag, 'a read changes no etag');
    },
  ],
  [
    'etag',
    'writing the same content again creates a new etag, and the old one is stale',
    async (cell) => {
      const first = await cell.create(cell.item(1));
      const second = await cell.replace(cell.item(1), first.etag);
      assert.notEqual(second.etag, first.etag);
      await assertRejectsWith('ETAG_MISMATCH', cell.replace(cell.item(1), first.etag));
    },
  ],
  [
    'etag',
    'an etag is never reused, even for the same content',
    async (cell) => {
      const etags = [(await cell.create(cell.item(0))).etag];
      for (let write = 1; write < WRITERS; write += 1) {
        const newest = etags.at(-1) ?? '';
        etags.push((await cell.replace(cell.item(write % 2), newest)).etag);
      }
      assert.equal(new Set(etags).size, WRITERS);
    },
  ],
];

function contents(): readonly number[] {
  return Array.from({ length: WRITERS }, (_, index) => index + 2);
}

async function readBack(cell: Cell<object>): Promise<CellItem> {
  const item = await cell.read();
  assert.ok(item, 'what was written is absent');
  return item;
}

async function assertUnchanged<Item extends object>(
  cell: Cell<Item>,
  content: number,
  etag: string,
): Promise<void> {
  assertSameStored(await cell.read(), { value: cell.item(content), etag });
}

/** Replaces the present content with the next one, once. */
async function stepOnce<Item extends object>(
  cell: Cell<Item>,
  marks: ReadonlyMap<string, number>,
): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const { value, etag } = await readBack(cell);
    const content = marks.get(keyOf(value as object));
    assert.ok(content !== undefined, 'the content was never written');
    try {
      await cell.replace(cell.item(content + 1), etag);
      return;
    } catch (error) {
      if (!hasCode(error, 'ETAG_MISMATCH')) throw error;
    }
  }
  assert.fail('a writer that retries never succeeds');
}

/** The same text for the same content, whatever `_…` properties the store added. */
function keyOf(value: object): string {
  const entries = Object.entries(value).filter(([name]) => !name.startsWith('_'));
  return JSON.stringify(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
