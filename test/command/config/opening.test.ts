import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, takeCensus, type Environment } from '@bytelyst/field-encrypt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../command/config/config-file.js';
import {
  openProduct,
  type OpenProduct,
  type OpenProductOptions,
} from '../../../command/config/open-product.js';
import { UsageError } from '../../../command/command-line/usage-error.js';
import {
  CONFIG_FILE,
  ConfigFolder,
  DEFINITION,
  DOCUMENTS,
  PRODUCT,
  rawDatabase,
} from './config-folder.js';

const KEYS = { MEK: newKey(), RECORD: newKey() };
const WITH_NOTES = {
  ...PRODUCT,
  collections: { notes: { definition: DEFINITION, documentStore: DOCUMENTS } },
};

let made: ConfigFolder;
const opened: OpenProduct[] = [];

beforeEach(() => {
  made = new ConfigFolder();
  made.database('keys.db');
  made.database('notes.db');
});

afterEach(async () => {
  for (const product of opened.splice(0)) await product.close();
  made[Symbol.dispose]();
});

async function open(
  product: object,
  env: Environment = KEYS,
  options: Partial<OpenProductOptions> = {},
): Promise<OpenProduct> {
  made.write(CONFIG_FILE, { products: { notelett: product } });
  const config = await loadConfig({ folder: made.path, env });
  const one = openProduct(config, undefined, { clock: systemClock, ...options });
  opened.push(one);
  return one;
}

async function refusal(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => 'It was opened',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  const { message } = error as UsageError;
  for (const key of Object.values(KEYS)) expect(message).not.toContain(key);
  return message;
}

describe('a product', () => {
  it('is opened whole, with paths relative to the file', async () => {
    const product = await open({ ...WITH_NOTES, minimumEpoch: 1, fenceTtlMs: 2_000 });
    const { definition, documentStore } = await product.collection('notes');
    const encryptor = await product.encryptor();
    const note = { workspaceId: 'w', id: '1', title: 'Hi', tags: ['a'] };
    await documentStore.create(await encryptor.encryptDocument(definition, note));
    expect(await takeCensus(await product.search())).toMatchObject({ rows: 1, active: 1 });
    expect(product.collections).toEqual(['notes']);
    expect(product.definitions()).toEqual([definition]);
    expect(product.retention).toEqual({});
    const stored = rawDatabase(join(made.path, 'notes.db'));
    expect(stored.prepare('SELECT document_key FROM notes').all()).toEqual([
      { document_key: '["w","1"]' },
    ]);
    stored.close();
  });

  it('needs no key provider, and none of its variables, for a search', async () => {
    const product = await open(PRODUCT, {});
    expect(await takeCensus(await product.search(), { allowEmpty: true })).toMatchObject({
      rows: 0,
    });
    expect(await refusal(product.encryption())).toBe(
      'products.notelett.providers[0].key: the variable MEK is not set',
    );
  });

  it('needs no document store for a run over rows', async () => {
    const documentStore = { ...DOCUMENTS, file: { env: 'NOTES_FILE' } };
    const collections = { notes: { definition: DEFINITION, documentStore } };
    const product = await open({ ...PRODUCT, collections });
    expect((await product.encryption()).keyProviders).toHaveLength(1);
    expect(await refusal(product.collection('notes'))).toBe(
      'products.notelett.collections.notes.documentStore.file: the variable NOTES_FILE is not set',
    );
  });

  it('is asked for by the only name, or by one of the names', async () => {
    made.write(CONFIG_FILE, { products: { notelett: PRODUCT, journal: PRODUCT } });
    const config = await loadConfig({ folder: made.path, env: {} });
    const opening = (name?: string) => () => openProduct(config, name, { clock: systemClock });
    const { file } = config;
    expect(opening()).toThrow(
      `${file} has the products notelett, journal: pass --product with one of them`,
    );
    expect(opening('notelet')).toThrow(`${file} has no product "notelet": did you mean notelett?`);
    expect(opening('other')).toThrow(`${file} has no product "other": it has notelett, journal`);
    expect(opening('journal')().product).toBe('journal');
  });

  it('names its collections and copies where another is asked for', async () => {
    const product = await open(WITH_NOTES);
    expect(await refusal(product.collection('note'))).toBe(
      'products.notelett has no collection "note": did you mean notes?',
    );
    expect(await refusal(product.copy('drill'))).toBe(
      'products.notelett has no copy "drill": none is configured',
    );
  });

  it('has a retention in milliseconds', async () => {
    const product = await open({ ...PRODUCT, retention: { soak: '24h', backupWindow: '30d' } });
    expect(product.retention).toEqual({ soakMs: 86_400_000, backupWindowMs: 2_592_000_000 });
  });

  it('without a key provider refuses a run', async () => {
    const product = await open({ dekStore: PRODUCT.dekStore });
    expect(await refusal(product.encryption())).toBe(
      'products.notelett.providers: is missing: this mode needs a key provider',
    );
  });
});

describe('variables', () => {
  it.each([
    ['is empty', { MEK: '' }, 'the variable MEK is set but empty'],
    [
      'is no key',
      { MEK: 'short' },
      'the variable MEK must be 32 bytes as base64, base64url or hex',
    ],
  ])('are refused where one %s', async (_what, env, words) => {
    const product = await open(PRODUCT, env);
    expect(await refusal(product.encryption())).toBe(
      `products.notelett.providers[0].key: ${words}`,
    );
  });

  it('are refused together', async () => {
    const product = await open(
      {
        ...PRODUCT,
        providers: [
          PRODUCT.providers[0],
          { type: 'azure-key-vault', vaultUrl: { env: 'URL' }, mekName: { env: 'NAME' } },
        ],
      },
      { NAME: '' },
    );
    expect(await refusal(product.encryption())).toBe(
      [
        '- products.notelett.providers[0].key: the variable MEK is not set',
        '- products.notelett.providers[1].vaultUrl: the variable URL is not set',
        '- products.notelett.providers[1].mekName: the variable NAME is set but empty',
      ].join('\n'),
    );
  });

  it('with earlier keys may be missing, and not empty or wrong', async () => {
    const providers = [{ ...PRODUCT.providers[0], previousKeys: { env: 'OLD' } }];
    const product = { ...PRODUCT, providers };
    const [before] = await (await open(product)).providers();
    expect(before?.provider.localMeks).toHaveLength(1);
    const [after] = await (await open(product, { ...KEYS, OLD: newKey() })).providers();
    expect(after?.provider.localMeks).toHaveLength(2);
    const path = 'products.notelett.providers[0].previousKeys';
    const empty = await open(product, { ...KEYS, OLD: '' });
    expect(await refusal(empty.providers())).toBe(`${path}: the variable OLD is set but empty`);
    const wrong = await open(product, { ...KEYS, OLD: `${newKey()},x` });
    expect(await refusal(wrong.providers())).toBe(
      `${path}: entry 2 of the variable OLD must be 32 bytes as base64, base64url or hex`,
    );
  });

  it('may hold any text, and what they hold is checked', async () => {
    const dekStore = { type: 'sqlite', file: { env: 'FILE' }, table: { env: 'TABLE' } };
    const product = { ...PRODUCT, dekStore };
    const good = await open(product, { FILE: 'keys.db', TABLE: 'deks' });
    expect((await good.dekDatabase()).describe).toBe(`table deks of ${made.path}/keys.db`);
    const wrong = await open(product, { FILE: 'keys.db', TABLE: 'a-b' });
    expect(await refusal(wrong.search())).toBe(
      'products.notelett.dekStore.table: expected a name of at most 63 letters, digits and _, no digit first, got another text',
    );
    const secret = await open(product, { FILE: KEYS.MEK, TABLE: 'deks' });
    expect(await refusal(secret.search())).toBe(
      'products.notelett.dekStore.file: the file of the variable FILE is not there: SQLite would create an empty one; correct the path, which is relative to the configuration file',
    );
  });
});

describe('record keys', () => {
  it('authenticate what is written', async () => {
    const product = await open({ ...WITH_NOTES, recordKey: { env: 'RECORD' } });
    const encryptor = await product.encryptor();
    const note = { workspaceId: 'w', id: '1', title: 'Hi', tags: [] };
    await encryptor.encryptDocument((await product.collection('notes')).definition, note);
    expect((await encryptor.checkReadiness()).recordAuthentication).toBe('required');
  });

  it('are refused where they are no keys, or given twice', async () => {
    const product = {
      ...PRODUCT,
      recordKey: { env: 'RECORD' },
      previousRecordKeys: { env: 'OLD' },
    };
    const wrong = await open(product, { RECORD: 'x' });
    expect(await refusal(wrong.search())).toBe(
      'products.notelett.recordKey: the variable RECORD must be 32 bytes as base64, base64url or hex',
    );
    const twice = await open(product, { ...KEYS, OLD: KEYS.RECORD });
    expect(await refusal(twice.search())).toBe('products.notelett: A record key is given twice');
  });
});

describe('the recovery key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

  it('comes from a file, or from a variable in one line', async () => {
    made.write('recovery.pem', publicKey);
    const inFile = await open({ ...PRODUCT, recoveryKey: { file: 'recovery.pem' } });
    expect((await inFile.encryption()).recoveryKey).toBe(publicKey);
    const env = { ...KEYS, RECOVERY: publicKey.replaceAll('\n', String.raw`\n`) };
    const inVariable = await open({ ...PRODUCT, recoveryKey: { env: 'RECOVERY' } }, env);
    expect((await inVariable.encryption()).recoveryKey).toBe(publicKey);
  });

  it('is refused where it is private, or no key, or not there', async () => {
    const recoveryKey = { env: 'RECOVERY' };
    const withKey = (RECOVERY: string) => open({ ...PRODUCT, recoveryKey }, { ...KEYS, RECOVERY });
    expect(await refusal((await withKey(privateKey)).encryption())).toBe(
      'products.notelett.recoveryKey: the variable RECOVERY holds a private key: keep that offline, pass the public key alone, and create a new pair if others may have seen it here',
    );
    expect(await refusal((await withKey('x')).encryption())).toMatch(
      /^products\.notelett\.recoveryKey: the variable RECOVERY must be an RSA public key/,
    );
    const missing = await open({ ...PRODUCT, recoveryKey: { file: 'no.pem' } });
    expect(await refusal(missing.encryption())).toBe(
      `products.notelett.recoveryKey.file: ${made.path}/no.pem cannot be read (ENOENT): correct the path, which is relative to the configuration file`,
    );
  });
});

describe('a product that is only read', () => {
  it('leaves the bytes of its files as they are, whatever is in them', async () => {
    const before = ['keys.db', 'notes.db'].map((name) => readFileSync(join(made.path, name)));
    const product = await open(WITH_NOTES, KEYS, { readOnly: true });
    const { dekStore } = await product.search();
    const { documentStore } = await product.collection('notes');
    expect(await dekStore.count({ product: 'notelett' })).toBe(0);
    expect(await documentStore.count()).toBe(0);
    await expect(documentStore.create({ workspaceId: 'w', id: '1' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
    await product.close();
    const after = ['keys.db', 'notes.db'].map((name) => readFileSync(join(made.path, name)));
    expect(after).toEqual(before);
  });

  it('reads what is there, and refuses to write', async () => {
    const writer = await open(WITH_NOTES);
    const stored = await (
      await writer.collection('notes')
    ).documentStore.create({
      workspaceId: 'w',
      id: '1',
      title: 'Hi',
    });
    await writer.close();
    const reader = await open(WITH_NOTES, KEYS, { readOnly: true });
    const { documentStore } = await reader.collection('notes');
    expect(await documentStore.get({ workspaceId: 'w', id: '1' })).toEqual(stored);
    await expect(documentStore.replace(stored.document, stored.etag)).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
  });
});

describe('a copy', () => {
  function copied(dekStore: object, documentStore: object): object {
    const copies = { drill: { dekStore, collections: { notes: documentStore } } };
    return { ...WITH_NOTES, copies };
  }

  it('is another place than the stores in use', async () => {
    made.database('copy.db');
    const copy = { type: 'sqlite', file: 'copy.db' };
    const product = await open(copied(copy, { ...copy, table: 'notes' }));
    const { describe: place, collections, dekStore } = await product.copy('drill');
    expect(place).toBe(`table dek_store of ${made.path}/copy.db`);
    expect(collections.get('notes')).toMatchObject({
      name: 'notes',
      describe: `table notes of ${made.path}/copy.db`,
    });
    expect(await dekStore.count({ product: 'notelett' })).toBe(0);
    expect(product.copies).toEqual(['drill']);
  });

  it('is refused where it is a store in use, under whatever name', async () => {
    symlinkSync('keys.db', join(made.path, 'copy.db'));
    const words = (path: string, place: string) =>
      `products.notelett.copies.drill.${path}: is the store in use, table ${place}, and not a copy of it: restore into another place, and name that`;
    const dek = { type: 'sqlite', file: 'copy.db' };
    const linked = await open(copied(dek, { ...DOCUMENTS, file: 'copy.db' }));
    expect(await refusal(linked.copy('drill'))).toBe(
      words('dekStore', `dek_store of ${made.path}/keys.db`),
    );
    const documents = await open(copied({ ...dek, table: 'restored' }, DOCUMENTS));
    expect(await refusal(documents.copy('drill'))).toBe(
      words('collections.notes', `notes of ${made.path}/notes.db`),
    );
  });
});

describe('the database itself', () => {
  it('counts rows of the product that are on another version', async () => {
    const product = await open(WITH_NOTES);
    const database = await product.dekDatabase();
    expect(await database.countNotOn('env-1', undefined)).toBe(0);
    const encryptor = await product.encryptor();
    const { definition } = await product.collection('notes');
    for (const id of ['1', '2']) {
      await encryptor.encryptDocument(definition, { workspaceId: 'w', id, title: 'Hi', tags: [] });
    }
    const [provider] = await product.providers();
    const current = await provider?.provider.currentVersion();
    expect(await database.countNotOn(String(current), undefined)).toBe(0);
    // The rotation record has a version, too.
    expect(await database.countNotOn('env-1', undefined)).toBe(3);
    expect(database.query('env-1')).toBe(
      `SELECT COUNT(*) FROM "dek_store" WHERE product = 'notelett' AND mek_version <> 'env-1'`,
    );
    expect(await database.facts(undefined)).toBeUndefined();
  });

  it('counts for a product of any name, and quotes it for people', async () => {
    const name = `note's "lett" é`;
    made.write(CONFIG_FILE, { products: { [name]: WITH_NOTES } });
    const config = await loadConfig({ folder: made.path, env: KEYS });
    const product = openProduct(config, name, { clock: systemClock });
    opened.push(product);
    const [encryptor, notes] = [await product.encryptor(), await product.collection('notes')];
    const note = { workspaceId: 'w', id: '1', title: 'Hi', tags: [] };
    await encryptor.encryptDocument(notes.definition, note);
    const database = await product.dekDatabase();
    expect(await database.countNotOn('env-1', undefined)).toBe(2);
    const raw = rawDatabase(join(made.path, 'keys.db'));
    expect(raw.prepare(String(database.query('env-1'))).all()).toEqual([{ 'COUNT(*)': 2 }]);
    raw.close();
  });
});

function newKey(): string {
  return randomBytes(32).toString('hex');
}
