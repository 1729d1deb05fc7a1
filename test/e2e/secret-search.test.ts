import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { folderForTest } from '../support/notes-backend-process.js';
import { SecretSearch } from './secret-search.js';

const marker = `canary${randomBytes(12).toString('hex')}`;
const key = randomBytes(32);
const PUBLIC = randomBytes(60).toString('base64');
const other = randomBytes(32);

let search: SecretSearch;

beforeEach(() => {
  search = new SecretSearch();
  search.addText(marker);
  search.addVariables({
    FIELD_ENCRYPT_RECORD_KEY: key.toString('base64'),
    FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: `${other.toString('base64')},${key.toString('base64')}`,
    FIELD_ENCRYPT_RECOVERY_KEY: `-----BEGIN PUBLIC KEY-----\n${PUBLIC}`,
    FIELD_ENCRYPT_MEK_NAME: 'the-name-of-a-master-key',
    FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS: 'https://kv1.vault.azure.net/keys/notelett-mek',
  });
});

describe('a channel', () => {
  it('is right where there is something, and no secret', () => {
    expect(
      search.problemsInChannels({ log: ['{"msg":"Stopped"}', 'the-name-of-a-master-key'] }),
    ).toEqual([]);
  });

  it('is wrong where there is nothing', () => {
    expect(search.problemsInChannels({ log: [], traces: ['{}'] })).toEqual([
      'log: there is nothing',
    ]);
  });

  it.each([
    ['a text of a note', `{"title":"Note 1 ${marker}"}`],
    ['a key', `key=${key.toString('base64')}`],
    ['a key in hex', key.toString('hex').toUpperCase()],
    ['a key of a list', other.toString('base64url')],
    ['a token', `Bearer eyJ${['a', 'b', 'c'].map((part) => part.repeat(20)).join('.')}`],
  ])('is wrong where it has %s', (_what, text) => {
    expect(search.problemsInChannels({ log: ['{}', text] })).toHaveLength(1);
  });

  it('may have what is public', () => {
    const texts = [PUBLIC, 'https://kv1.vault.azure.net/keys/notelett-mek'];
    expect(search.problemsInChannels({ log: texts })).toEqual([]);
  });
});

describe('a folder', () => {
  it('is searched in all files, and not through links', () => {
    const folder = folderForTest();
    mkdirSync(join(folder, 'inner/more'), { recursive: true });
    writeFileSync(join(folder, 'inner/more/report.json'), `{"text":"${marker}"}`);
    writeFileSync(join(folder, 'fine.json'), '{}');
    const file = join(folder, 'inner/more/report.json');
    expect(search.problemsInFolder(folder)).toEqual([`${file} has a key or a text`]);
  });

  it('may have a file that holds a secret, for its owner alone', () => {
    const folder = folderForTest();
    const file = join(folder, 'recovery.pem');
    writeFileSync(file, '-----BEGIN ENCRYPTED PRIVATE KEY-----', { mode: 0o600 });
    expect(search.problemsInFolder(folder)).toEqual([]);
    chmodSync(file, 0o640);
    expect(search.problemsInFolder(folder)).toEqual([`${file} can be read by others`]);
  });
});
