import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createFieldEncryptor,
  EnvKeyProvider,
  recoverDeks,
  resealRecords,
  rewrapAllDeks,
  rollbackRotation,
  type FieldEncryptor,
} from '../../../src/index.js';
import { weaknessOf } from '../../../src/provider/mek-bytes.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  setup,
} from '../../support/encryptor.js';
import { failure, failureOf } from '../../support/failure.js';
import { addPlain, backfill, notes } from '../../support/migrations.js';
import { PAIR } from '../../support/recovery-pairs.js';

const REMEDY = 'make a random one with "openssl rand -base64 32"';
const TEXT = 'is text, such as a passphrase';
const PATTERN = 'is a pattern';
const STRONG = MEK_HEX;

const WEAK: readonly (readonly [string, Buffer, string])[] = [
  ['a passphrase', Buffer.from('correct horse battery staple 123'), TEXT],
  ['hex that was taken for text', Buffer.from(STRONG.slice(0, 32)), TEXT],
  ['base64 that was taken for text', Buffer.from('q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ'), TEXT],
  ['lines of text', Buffer.from('one line\r\n\ttwo lines\nand three ok'.slice(0, 32)), TEXT],
  [
    'a passphrase filled up with zeroes',
    Buffer.concat([Buffer.from('Jackdaws love my sphinx'), Buffer.alloc(9)]),
    TEXT,
  ],
  ['zeroes', Buffer.alloc(32), PATTERN],
  ['one byte', Buffer.alloc(32, 0xab), PATTERN],
  ['two bytes in turn', Buffer.alloc(32, 'a5c3', 'hex'), PATTERN],
  ['a block of eight bytes', Buffer.alloc(32, 'deadbeef80f0ff01', 'hex'), PATTERN],
  ['a block of fifteen bytes', Buffer.alloc(32, randomBytes(15)), PATTERN],
  ['half a key twice', Buffer.alloc(32, randomBytes(16)), PATTERN],
  ['ascending bytes', Buffer.from(Array.from({ length: 32 }, (_each, at) => at)), PATTERN],
  ['descending bytes', Buffer.from(Array.from({ length: 32 }, (_each, at) => 255 - at)), PATTERN],
  [
    'bytes in steps of seven',
    Buffer.from(Array.from({ length: 32 }, (_each, at) => (at * 7) % 256)),
    PATTERN,
  ],
  [
    'ascending bytes past 255',
    Buffer.from(Array.from({ length: 32 }, (_each, at) => (240 + at) % 256)),
    PATTERN,
  ],
  [
    'few bytes, in any order',
    Buffer.from(Array.from({ length: 32 }, (_each, at) => 0xf0 + ((at * at + (at >> 2)) % 12))),
    PATTERN,
  ],
];

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const WEAK_HEX = hexOf(Buffer.from('correct horse battery staple 123'));

async function versionOf(key: string): Promise<string> {
  return new EnvKeyProvider({ key }).currentVersion();
}

/** A product with one row under a weak MEK, as there are from before weak ones were refused. */
async function weakProduct(): Promise<[ReturnType<typeof setup>, Record<string, unknown>]> {
  const strong = setup({ keyProviders: [new EnvKeyProvider({ key: STRONG })] });
  const sealed = await encryptAny(strong.encryptor, { ...KEY, body: 'text' });
  const both = setup({
    beside: strong,
    keyProviders: [new EnvKeyProvider({ key: WEAK_HEX, previousKeys: [STRONG] })],
  });
  // By the library's own record, but for what it refuses to write.
  const { memory, keyProvider } = both;
  const item = await memory.getItem('rotation:notelett', 'rotation');
  const mekVersion = await versionOf(WEAK_HEX);
  await memory.replaceItem({ ...(item?.value as object), mekVersion } as never, item?.etag ?? '');
  for (const { value, etag } of (await memory.list({ product: 'notelett' })).items) {
    const row = value as never;
    const dek = await keyProvider.unwrapKey(row);
    await memory.replace(
      { ...(row as object), ...(await keyProvider.wrapKey(dek, { mekVersion })) } as never,
      etag,
    );
  }
  return [setup({ beside: strong, keyProviders: [new EnvKeyProvider({ key: WEAK_HEX })] }), sealed];
}

async function drained(run: AsyncIterable<unknown>, made: ReturnType<typeof setup>): Promise<void> {
  const ended = (async () => {
    const events = run[Symbol.asyncIterator]();
    while (!(await events.next()).done);
  })();
  const isOver = ended.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([isOver, made.clock.run(60_000).then(() => false)])));
  await ended;
}

describe('a key', () => {
  it.each(WEAK)('that is %s is detected as weak', (_what, bytes, weakness) => {
    expect(bytes).toHaveLength(32);
    expect(weaknessOf(bytes)).toBe(weakness);
  });

  it('that is random is none', () => {
    for (let many = 0; many < 2_000; many += 1) expect(weaknessOf(randomBytes(32))).toBeUndefined();
  });
});

describe('a weak MEK', () => {
  it.each(WEAK)(
    'that is %s starts no product, and nothing is written',
    async (_what, bytes, weakness) => {
      const key = hexOf(bytes);
      const made = setup({ keyProviders: [new EnvKeyProvider({ key, previousKeys: [STRONG] })] });
      expect(await failure(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toEqual({
        name: 'FieldEncryptionError',
        code: 'KEY_WEAK',
        message: `The MEK env/env/${await versionOf(key)} ${weakness}, and cannot start a new product: ${REMEDY}`,
      });
      expect(await contentsOf(made.memory)).toEqual(await contentsOf(new MemoryDekStore()));
    },
  );

  it('starts no product through a migration', async () => {
    const made = setup({ keyProviders: [new EnvKeyProvider({ key: WEAK_HEX })] });
    const collection = notes();
    await addPlain(collection, 1);
    const { events, summary } = await backfill(made, collection);
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({
      error: { code: 'KEY_WEAK' },
    });
    expect(summary).toMatchObject({ changed: 0, failed: 1 });
  });

  it('cannot be the target of a rotation, nor of a way back, a recovery or a dry run', async () => {
    const previousKeys = [WEAK_HEX];
    const made = setup({ keyProviders: [new EnvKeyProvider({ key: STRONG, previousKeys })] });
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const before = await contentsOf(made.memory);
    const target = { mekVersion: await versionOf(WEAK_HEX) };
    const refusal = {
      name: 'FieldEncryptionError',
      code: 'KEY_WEAK',
      message: `The MEK env/env/${target.mekVersion} ${TEXT}, and cannot be the target of a rotation: ${REMEDY}`,
    };
    const { encryptor } = made;
    const { privateKey } = PAIR;
    for (const run of [
      rewrapAllDeks(encryptor, { target }),
      rewrapAllDeks(encryptor, { target, dryRun: true, takeOver: true }),
      rollbackRotation(encryptor, { target }),
      recoverDeks(encryptor, { target, privateKey }),
    ]) {
      expect(await failure(run.next())).toEqual(refusal);
    }
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('goes on for the product that has it, with a warning, until it is rotated away', async () => {
    const [made, sealed] = await weakProduct();
    expect(await decryptAny(made.encryptor, sealed)).toMatchObject({ body: 'text' });
    const second = { ...KEY, id: 'note-2', body: 'more' };
    const more = await encryptAny(made.encryptor, second);
    const weak = await versionOf(WEAK_HEX);
    const warning = {
      code: 'MEK_WEAK',
      message: `The MEK env/env/${weak} ${TEXT}: ${REMEDY}, rotate to it, and remove this one`,
    };
    const readiness = await made.encryptor.checkReadiness();
    expect(readiness).toMatchObject({ ready: true, warnings: [warning] });

    const keyProviders = [new EnvKeyProvider({ key: STRONG, previousKeys: [WEAK_HEX] })];
    const operator = setup({ beside: made, keyProviders });
    expect((await operator.encryptor.checkReadiness()).warnings).toEqual([warning]);
    const target = { mekVersion: await versionOf(STRONG) };
    await drained(rewrapAllDeks(operator.encryptor, { target }), operator);
    const after = setup({ beside: made, keyProviders: [new EnvKeyProvider({ key: STRONG })] });
    expect(await decryptAny(after.encryptor, more)).toEqual(second);
    expect((await after.encryptor.checkReadiness()).warnings).toEqual([]);
  });
});

describe('a weak record key', () => {
  const weak = WEAK_HEX;
  const strong = hexOf(randomBytes(32));

  function encryptorWith(dekStore: MemoryDekStore, options: object): FieldEncryptor {
    const keyProviders = [new EnvKeyProvider({ key: STRONG })];
    return createFieldEncryptor({ product: 'notelett', keyProviders, dekStore, ...options });
  }

  it('starts no product, and nothing is written', async () => {
    const dekStore = new MemoryDekStore();
    const encryptor = encryptorWith(dekStore, { recordKey: weak, previousRecordKeys: [strong] });
    expect(await failure(encryptAny(encryptor, { ...KEY, body: 'text' }))).toEqual({
      name: 'FieldEncryptionError',
      code: 'KEY_WEAK',
      message: expect.stringMatching(
        /^The record key [0-9a-f]{16} is text, such as a passphrase, and cannot start a new product: make a random one with "openssl rand -base64 32"$/,
      ) as string,
    });
    expect(await contentsOf(dekStore)).toEqual(await contentsOf(new MemoryDekStore()));
  });

  it('reseals nothing, and is resealed away, with a warning until then', async () => {
    const dekStore = new MemoryDekStore();
    const plain = { ...KEY, body: 'text' };
    const sealed = await encryptAny(encryptorWith(dekStore, { recordKey: strong }), plain);
    const current = { recordKey: weak, previousRecordKeys: [strong] };
    const before = encryptorWith(dekStore, current);
    expect(await decryptAny(before, sealed)).toEqual(plain);
    const id = /key ([0-9a-f]{16})/.exec(
      (await failure(resealRecords(before).next())).message,
    )?.[1];
    expect(await failure(resealRecords(before).next())).toEqual({
      name: 'FieldEncryptionError',
      code: 'KEY_WEAK',
      message: `The record key ${String(id)} ${TEXT}, and cannot reseal records: ${REMEDY}`,
    });
    const warning = {
      code: 'RECORD_KEY_WEAK',
      message: `The record key ${String(id)} ${TEXT}: ${REMEDY}, reseal all records under it, and remove this one`,
    };
    expect((await before.checkReadiness()).warnings).toEqual([warning]);
    const later = { ...KEY, id: 'note-2', body: 'under the weak one' };
    const more = await encryptAny(before, later);
    const after = encryptorWith(dekStore, { recordKey: strong, previousRecordKeys: [weak] });
    expect((await after.checkReadiness()).warnings).toEqual([warning]);
    for await (const event of resealRecords(after)) {
      if (event.type === 'finished') expect(event.summary).toMatchObject({ complete: true });
    }
    const last = encryptorWith(dekStore, { recordKey: strong });
    expect(await decryptAny(last, more)).toEqual(later);
    expect((await last.checkReadiness()).warnings).toEqual([]);
  });
});

describe('a record key that is a MEK too', () => {
  it.each([
    ['current', [] as string[], (mek: string) => ({ recordKey: mek })],
    ['previous', [hexOf(randomBytes(32))], (mek: string) => ({ recordKey: mek })],
    [
      'current, of a previous record key',
      [],
      (mek: string) => ({ recordKey: hexOf(randomBytes(32)), previousRecordKeys: [mek] }),
    ],
  ])('is refused: %s', async (_what, others, options) => {
    const mek = hexOf(randomBytes(32));
    const [key = '', ...previousKeys] = [...others, mek].slice();
    const keyProviders = [new EnvKeyProvider({ key, previousKeys })];
    const parts = { product: 'notelett', keyProviders, dekStore: new MemoryDekStore() };
    // In base64, so that it is the bytes that count.
    const given = options(Buffer.from(mek, 'hex').toString('base64'));
    const { name, message } = failureOf(() => createFieldEncryptor({ ...parts, ...given }));
    expect(name).toBe('RangeError');
    const version = await versionOf(mek);
    expect(message.replace(/key [0-9a-f]{16} /, 'key … ')).toBe(
      `The record key … is also the MEK env/env/${version}: make another record key`,
    );
    expect(createFieldEncryptor({ ...parts, recordKey: hexOf(randomBytes(32)) }).enabled).toBe(
      true,
    );
  });
});
