import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  defineDocument,
  initEncryption,
  readRecords,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';

const KEY = 'j89QzABAItXjr+KBVnV1/Eb9dxP/8v7hxZhNl4AJs8w=';
const OLD_KEY = '59b0fbe088ba43974705bef18901a1569b6ff47515936513015df0259d891207';
const SECRETS = [KEY, OLD_KEY];

const VALID = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: KEY,
};

interface Note {
  workspaceId: string;
  id: string;
  body: string;
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body'],
});
const plain: Note = { workspaceId: 'w', id: '1', body: 'text' };

type Env = Record<string, string | undefined>;

async function problemsOf(env: Env, allowances = {}): Promise<string> {
  const dekStore = new MemoryDekStore();
  const failure: unknown = await initEncryption({ dekStore, env, ...allowances }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ConfigurationError);
  const { message, problems, code } = failure as ConfigurationError;
  expect(code).toBe('CONFIGURATION_INVALID');
  for (const secret of SECRETS) expect(message).not.toContain(secret);
  expect(message.split('\n- ').slice(1)).toEqual(
    problems.map(({ variable, problem }) => `${variable} ${problem}`),
  );
  return message;
}

describe('initEncryption', () => {
  it('makes an encryptor that seals and opens', async () => {
    const encryptor = await initEncryption({ dekStore: new MemoryDekStore(), env: VALID });
    const stored = await encryptor.encryptDocument(note, plain);
    expect(stored.body._enc).toBe(1);
    expect(await encryptor.decryptDocument(note, stored)).toEqual(plain);
    expect(await encryptor.checkReadiness()).toMatchObject({ ready: true });
  });

  it('reads mode and cache limits', async () => {
    const env = {
      ...VALID,
      FIELD_ENCRYPT_MODE: 'migrate',
      FIELD_ENCRYPT_CACHE_MAX_ENTRIES: '7',
      FIELD_ENCRYPT_CACHE_TTL_MS: '1500',
    };
    const encryptor = await initEncryption({ dekStore: new MemoryDekStore(), env });
    expect(encryptor.mode).toBe('migrate');
    expect(encryptor.dekCache.maxEntries).toBe(7);
    expect(encryptor.dekCache.ttlMs).toBe(1500);
  });

  it('opens with a previous key what it sealed when it was current', async () => {
    const dekStore = new MemoryDekStore();
    const before = await initEncryption({
      dekStore,
      env: { ...VALID, FIELD_ENCRYPT_KEY: OLD_KEY },
    });
    const stored = await before.encryptDocument(note, plain);
    const env = { ...VALID, FIELD_ENCRYPT_PREVIOUS_KEYS: OLD_KEY };
    const after = await initEncryption({ dekStore, env });
    expect(await after.decryptDocument(note, stored)).toEqual(plain);
    const other = await after.encryptDocument(note, { ...plain, id: '2' });
    expect(other.body.mekVersion, 'the record decides, not the configuration').toBe(
      stored.body.mekVersion,
    );
  });

  it('takes the environment of the process by default', async () => {
    const before = process.env['FIELD_ENCRYPT_ENABLED'];
    process.env['FIELD_ENCRYPT_ENABLED'] = 'yes';
    try {
      await expect(initEncryption({ dekStore: new MemoryDekStore() })).rejects.toThrow(
        'FIELD_ENCRYPT_ENABLED must be "true" or "false"',
      );
    } finally {
      if (before === undefined) delete process.env['FIELD_ENCRYPT_ENABLED'];
      else process.env['FIELD_ENCRYPT_ENABLED'] = before;
    }
  });

  it('works without any key while encryption is off, and says so when an envelope comes', async () => {
    const dekStore = new MemoryDekStore();
    const on = await initEncryption({ dekStore, env: VALID });
    const sealed = await on.encryptDocument(note, plain);
    const off = await initEncryption({
      dekStore,
      env: { FIELD_ENCRYPT_ENABLED: 'false', FIELD_ENCRYPT_PRODUCT: 'notelett' },
    });
    expect(await off.encryptDocument(note, plain)).toEqual(plain);
    expect(await off.decryptDocument(note, plain)).toEqual(plain);
    await expect(off.decryptDocument(note, sealed)).rejects.toMatchObject({
      code: 'KEY_PROVIDER_NOT_CONFIGURED',
      message:
        'No configured key provider has the id "env" and the MEK "env": add it to "keyProviders"',
    });
  });

  it('opens envelopes while encryption is off, where a key is configured', async () => {
    const dekStore = new MemoryDekStore();
    const on = await initEncryption({ dekStore, env: VALID });
    const off = await initEncryption({
      dekStore,
      env: { ...VALID, FIELD_ENCRYPT_ENABLED: 'false' },
    });
    const sealed = await on.encryptDocument(note, plain);
    expect(await off.decryptDocument(note, sealed)).toEqual(plain);
  });
});

describe('a wrong environment', () => {
  it('is reported whole, not one problem at a time', async () => {
    expect(await problemsOf({})).toBe(
      'Encryption is not configured:' +
        '\n- FIELD_ENCRYPT_ENABLED is not set: it must be "true" or "false"' +
        '\n- FIELD_ENCRYPT_PRODUCT is not set: it must be the name of the product, which can never change' +
        '\n- FIELD_ENCRYPT_KEY_PROVIDER is not set: it must be "akv" or "env"',
    );
  });

  it.each([
    ['FIELD_ENCRYPT_ENABLED', 'TRUE', 'must be "true" or "false"'],
    ['FIELD_ENCRYPT_ENABLED', '1', 'must be "true" or "false"'],
    ['FIELD_ENCRYPT_ENABLED', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_PRODUCT', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_PRODUCT', '\ud800', 'must be well-formed Unicode'],
    ['FIELD_ENCRYPT_KEY_PROVIDER', 'aws', 'must be "akv" or "env"'],
    ['FIELD_ENCRYPT_KEY_PROVIDER', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_KEY', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_KEY', undefined, 'is not set: it must be 32 bytes as base64, base64url or hex'],
    ['FIELD_ENCRYPT_KEY', `${KEY}\n`, 'has white space around it'],
    ['FIELD_ENCRYPT_KEY', KEY.slice(4), 'must be 32 bytes as base64, base64url or hex'],
    ['FIELD_ENCRYPT_KEY', `${KEY}AAAA`, 'must be 32 bytes as base64, base64url or hex'],
    ['FIELD_ENCRYPT_KEY', 'passphrase', 'must be 32 bytes as base64, base64url or hex'],
    ['FIELD_ENCRYPT_PREVIOUS_KEYS', KEY, 'entry 1 is given twice'],
    ['FIELD_ENCRYPT_PREVIOUS_KEYS', `${OLD_KEY},`, 'entry 2 is empty'],
    ['FIELD_ENCRYPT_PREVIOUS_KEYS', `${OLD_KEY}, ${OLD_KEY}`, 'entry 2 has white space around it'],
    ['FIELD_ENCRYPT_PREVIOUS_KEYS', `${OLD_KEY},${OLD_KEY}`, 'entry 2 is given twice'],
    ['FIELD_ENCRYPT_PREVIOUS_KEYS', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_MODE', 'Strict', 'must be "strict" or "migrate"'],
    ['FIELD_ENCRYPT_MODE', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_CACHE_MAX_ENTRIES', '0', 'must be a whole number from 1 to 10000000'],
    ['FIELD_ENCRYPT_CACHE_MAX_ENTRIES', '1e3', 'must be a whole number from 1 to 10000000'],
    ['FIELD_ENCRYPT_CACHE_TTL_MS', '-5', 'must be a whole number from 1 to 86400000'],
    ['FIELD_ENCRYPT_CACHE_TTL_MS', 'NaN', 'must be a whole number from 1 to 86400000'],
    ['FIELD_ENCRYPT_CACHE_TTL_MS', '86400001', 'must be a whole number from 1 to 86400000'],
    ['FIELD_ENCRYPT_CACHE_TTL_MS', '', 'is set but empty: set a value or unset it'],
    ['FIELD_ENCRYPT_FENCE_TTL_MS', '999', 'must be a whole number from 1000 to 600000'],
    ['FIELD_ENCRYPT_FENCE_TTL_MS', '600001', 'must be a whole number from 1000 to 600000'],
    ['FIELD_ENCRYPT_FENCE_TTL_MS', '1s', 'must be a whole number from 1000 to 600000'],
  ])('%s=%j gets one clear problem', async (variable, value, problem) => {
    const env: Env = { ...VALID, [variable]: value };
    expect(await problemsOf(env)).toBe(`Encryption is not configured:\n- ${variable} ${problem}`);
  });

  it.each([
    [
      'AZURE_KEYVAULT_URL',
      'http://v.example',
      'must be https:// and a host, without path or query',
    ],
    [
      'AZURE_KEYVAULT_URL',
      'https://v.example/keys/k',
      'must be https:// and a host, without path or query',
    ],
    [
      'AZURE_KEYVAULT_URL',
      'https://u:p@v.example',
      'must be https:// and a host, without path or query',
    ],
    ['AZURE_KEYVAULT_URL', 'v.example', 'must be https:// and a host, without path or query'],
    ['FIELD_ENCRYPT_MEK_NAME', 'mek/0123', 'must be letters, digits and dashes, without a version'],
    [
      'FIELD_ENCRYPT_MEK_NAME',
      undefined,
      'is not set: it must be the name of the key in the vault',
    ],
    ['FIELD_ENCRYPT_MEK_VERSION', 'latest', 'must be 32 lowercase hex digits'],
    ...[
      'mek',
      'http://v.example/keys/mek',
      'https://v.example/keys/mek/0123',
      'https://v.example/secrets/mek',
      'https://u:p@v.example/keys/mek',
      ' https://v.example/keys/mek',
      'https://v.example/keys/a.b',
      '',
    ].map((text): [string, string, string] => [
      'FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS',
      `https://v.example/keys/first,${text}`,
      'entry 2 must be https://<vault>/keys/<name>, without a version',
    ]),
    [
      'FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS',
      'https://old.example/keys/notelett-mek',
      'entry 1 has the name of another key, and DEK rows name keys by it: make the new key under another name',
    ],
    [
      'FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS',
      'https://a.example/keys/mek,https://b.example/keys/mek',
      'entry 2 has the name of another key, and DEK rows name keys by it: make the new key under another name',
    ],
  ])('akv: %s=%j is named', async (variable, value, problem) => {
    const env: Env = {
      ...VALID,
      FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
      AZURE_KEYVAULT_URL: 'https://v.example/',
      FIELD_ENCRYPT_MEK_NAME: 'notelett-mek',
      [variable]: value,
    };
    expect(await problemsOf(env)).toBe(`Encryption is not configured:\n- ${variable} ${problem}`);
  });
});

describe('the keys in vaults', () => {
  it('are the current one and earlier ones, and keys of the environment beside them', async () => {
    const encryptor = await initEncryption({
      dekStore: new MemoryDekStore(),
      env: {
        ...VALID,
        FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
        AZURE_KEYVAULT_URL: 'https://new.example',
        FIELD_ENCRYPT_MEK_NAME: 'mek-2',
        FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS:
          'https://new.example/keys/mek-1,https://old.example/keys/mek-0',
      },
      credential: { getToken: () => Promise.reject(new Error('nothing is asked yet')) },
      keyVault: () => import('../../src/azure/key-vault/index.js'),
    });
    const keys = encryptor.keyProviders.map(({ id, mekName }) => `${id}/${mekName}`);
    expect(keys).toEqual(['akv/mek-2', 'akv/mek-1', 'akv/mek-0', 'env/env']);
  });
});

describe('the length of the fence', () => {
  const FENCE = { FIELD_ENCRYPT_FENCE_TTL_MS: '1000' };

  async function recorded(env: Env, dekStore = new MemoryDekStore()): Promise<unknown> {
    const encryptor = await initEncryption({ dekStore, env: { ...VALID, ...env } });
    await encryptor.encryptDocument(note, plain);
    return (await readRecords(encryptor)).rotation?.fenceTtlMs;
  }

  it('is in the first record of a product, and later the record decides', async () => {
    const dekStore = new MemoryDekStore();
    expect(await recorded({}, new MemoryDekStore())).toBe(30_000);
    expect(await recorded(FENCE, dekStore)).toBe(1_000);
    expect(await recorded({ FIELD_ENCRYPT_FENCE_TTL_MS: '60000' }, dekStore)).toBe(1_000);
  });

  it('is refused where it is an option too', async () => {
    expect(await problemsOf({ ...VALID, ...FENCE }, { fenceTtlMs: 2_000 })).toBe(
      'Encryption is not configured:\n- FIELD_ENCRYPT_FENCE_TTL_MS is set, and "fenceTtlMs" is passed too: keep one of them',
    );
  });
});

describe('production', () => {
  const production = { ...VALID, NODE_ENV: 'production' };
  const dekStore = new MemoryDekStore();

  it('refuses keys from the environment unless the code allows them', async () => {
    expect(await problemsOf(production)).toBe(
      'Encryption is not configured:\n- FIELD_ENCRYPT_KEY_PROVIDER is "env" while NODE_ENV is "production": use a key vault, or pass insecureAllowEnvKeysInProduction: true',
    );
    const options = { dekStore, env: production, insecureAllowEnvKeysInProduction: true };
    expect((await initEncryption(options)).enabled).toBe(true);
  });

  it('refuses to run without encryption unless the code allows it', async () => {
    const env = { ...production, FIELD_ENCRYPT_ENABLED: 'false' };
    const allowKeys = { insecureAllowEnvKeysInProduction: true };
    expect(await problemsOf(env, allowKeys)).toBe(
      'Encryption is not configured:\n- FIELD_ENCRYPT_ENABLED is "false" while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
    );
    const options = { dekStore, env, ...allowKeys, insecureAllowDisabledInProduction: true };
    expect((await initEncryption(options)).enabled).toBe(false);
  });
});

describe('record keys in the environment', () => {
  const RECORD_KEY = 'Wim1PaN3N4ZguLosgOyi5oroa7xvcHexFWNepUjl7Ls=';
  const OLD_RECORD_KEY = '069c25a3490e8d3e026e9f275086f4d17d79892b4adae75bb86f0363595773f0';

  async function recordsOf(env: Env, options = {}): Promise<unknown> {
    const encryptor = await initEncryption({ dekStore: new MemoryDekStore(), env, ...options });
    return (await encryptor.checkReadiness()).recordAuthentication;
  }

  it('turn record authentication on, and without them it is off', async () => {
    const env = { ...VALID, FIELD_ENCRYPT_RECORD_KEY: RECORD_KEY };
    expect(await recordsOf(VALID)).toBe('off');
    expect(await recordsOf(env)).toBe('required');
    const accepting = { insecureAcceptUnauthenticatedRecords: true };
    expect(await recordsOf(env, accepting)).toBe('optional');
    expect(await recordsOf(env, { insecureAcceptUnauthenticatedRecords: false })).toBe('required');
  });

  it('sign with the current one, and verify with the others', async () => {
    const dekStore = new MemoryDekStore();
    const before = await initEncryption({
      dekStore,
      env: { ...VALID, FIELD_ENCRYPT_RECORD_KEY: OLD_RECORD_KEY },
    });
    const stored = await before.encryptDocument(note, plain);
    const env = { ...VALID, FIELD_ENCRYPT_RECORD_KEY: RECORD_KEY };
    const without = await initEncryption({ dekStore, env });
    await expect(without.decryptDocument(note, stored)).rejects.toMatchObject({
      code: 'RECORD_KEY_UNKNOWN',
    });
    const after = await initEncryption({
      dekStore,
      env: { ...env, FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: OLD_RECORD_KEY },
    });
    expect(await after.decryptDocument(note, stored)).toEqual(plain);
    await after.encryptDocument(note, { ...plain, id: '2' });
    const { items } = await dekStore.list({ product: 'notelett' });
    const ids = items.map(({ value }) => (value as { macKeyId: string }).macKeyId);
    expect(new Set(ids).size).toBe(2);
  });

  it('are listed with everything else that is wrong, and never shown', async () => {
    const message = await problemsOf({
      ...VALID,
      FIELD_ENCRYPT_MODE: 'lenient',
      FIELD_ENCRYPT_RECORD_KEY: 'short',
      FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: `${RECORD_KEY},,${RECORD_KEY}`,
    });
    expect(message).not.toContain(RECORD_KEY);
    expect(message).toBe(
      [
        'Encryption is not configured:',
        'FIELD_ENCRYPT_RECORD_KEY must be 32 bytes as base64, base64url or hex',
        'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS entry 2 is empty',
        'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS entry 3 is given twice',
        'FIELD_ENCRYPT_MODE must be "strict" or "migrate"',
      ].join('\n- '),
    );
  });

  it('are not the MEK, which would then be known to every process that checks macs', async () => {
    for (const recordKey of [KEY, OLD_KEY]) {
      const env = {
        ...VALID,
        FIELD_ENCRYPT_PREVIOUS_KEYS: OLD_KEY,
        FIELD_ENCRYPT_RECORD_KEY: recordKey,
      };
      expect(await problemsOf(env)).toBe(
        'Encryption is not configured:\n- FIELD_ENCRYPT_RECORD_KEY is given twice',
      );
    }
  });

  it('are missed where something says that they are there', async () => {
    const missing =
      'Encryption is not configured:\n- FIELD_ENCRYPT_RECORD_KEY is not set: it must be 32 bytes as base64, base64url or hex';
    expect(await problemsOf({ ...VALID, FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: RECORD_KEY })).toBe(
      missing,
    );
    const accepting = { insecureAcceptUnauthenticatedRecords: true };
    expect(await problemsOf(VALID, accepting)).toBe(missing);
    expect(await problemsOf({ ...VALID, FIELD_ENCRYPT_RECORD_KEY: '' })).toBe(
      'Encryption is not configured:\n- FIELD_ENCRYPT_RECORD_KEY is set but empty: set a value or unset it',
    );
  });
});
