import { afterEach, describe, expect, it, vi } from 'vitest';
import { initEncryption, type InitEncryptionOptions } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { MEK_HEX, OTHER_MEK_HEX } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { PAIR } from '../support/recovery-pairs.js';

const RECORD_KEY = '9ad26c6d7a0c1c3f5b7de1e1f7a0f2a86f3bcb44e0a9f3be2e9b38d6a5f20c17';
const ENV = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'p',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: MEK_HEX,
};

type Env = Record<string, string | undefined>;

function init(env: Env, options: Partial<InitEncryptionOptions> = {}) {
  return initEncryption({ dekStore: new MemoryDekStore(), env: { ...ENV, ...env }, ...options });
}

function invalid(...problems: readonly string[]) {
  const lines = problems.map((problem) => `\n- ${problem}`).join('');
  return {
    name: 'ConfigurationError',
    code: 'CONFIGURATION_INVALID',
    message: `Encryption is not configured:${lines}`,
  };
}

describe('a variable that nothing reads', () => {
  it.each([
    ['FIELD_ENCRYPT_RECORDKEY', 'FIELD_ENCRYPT_RECORD_KEY'],
    ['FIELD_ENCRYPT_PREVIOUS_KEY', 'FIELD_ENCRYPT_PREVIOUS_KEYS'],
    ['FIELD_ENCRYPT_RECOVREY_KEY', 'FIELD_ENCRYPT_RECOVERY_KEY'],
    ['FIELD_ENCRYPT_REQUIRE_BACKFILL', 'FIELD_ENCRYPT_REQUIRE_BACKFILLED'],
    ['FIELDENCRYPT_MODE', 'FIELD_ENCRYPT_MODE'],
    ['FEILD_ENCRYPT_CACHE_TTL_MS', 'FIELD_ENCRYPT_CACHE_TTL_MS'],
  ])('and is like one that is read is refused: %s', async (name, meant) => {
    expect(await failure(init({ [name]: 'x' }))).toEqual(
      invalid(`${name} is not used: did you mean ${meant}?`),
    );
  });

  it('and is like one is refused beside it, and beside every other problem', async () => {
    const env = { FIELD_ENCRYPT_KEYS: '', FIELD_ENCRYPT_MODE: 'off', FIELD_ENCRYPT_MODUS: '' };
    expect(await failure(init(env))).toEqual(
      invalid(
        'FIELD_ENCRYPT_MODE must be "strict" or "migrate"',
        'FIELD_ENCRYPT_KEYS is not used: did you mean FIELD_ENCRYPT_KEY?',
        'FIELD_ENCRYPT_MODUS is not used: did you mean FIELD_ENCRYPT_MODE?',
      ),
    );
  });

  it('and has our prefix alone is a warning, as of a Service of Kubernetes', async () => {
    const names = [
      'FIELD_ENCRYPT_PORT',
      'FIELD_ENCRYPT_PORT_443_TCP',
      'FIELD_ENCRYPT_PORT_443_TCP_ADDR',
      'FIELD_ENCRYPT_PORT_443_TCP_PORT',
      'FIELD_ENCRYPT_PORT_443_TCP_PROTO',
      'FIELD_ENCRYPT_SERVICE_HOST',
      'FIELD_ENCRYPT_SERVICE_PORT',
      'FIELD_ENCRYPT_SERVICE_PORT_HTTPS',
    ];
    const env = Object.fromEntries(names.toReversed().map((name) => [name, '10.0.0.1']));
    const { ready, warnings } = await (await init(env)).checkReadiness();
    expect(ready).toBe(true);
    expect(warnings).toEqual(
      names.map((name) => ({
        code: 'VARIABLE_UNREAD',
        message: `The variable ${name} is not used: unset it, unless Kubernetes creates it for a Service called "field-encrypt"`,
      })),
    );
  });

  it('and is not set, or is not ours, is neither', async () => {
    const env = {
      FIELD_ENCRYPT_RECORDKEY: undefined,
      AZURE_KEY_VAULT_URL: 'https://other.vault.azure.net',
      FIELD_ENCRYPTION: 'on',
    };
    expect((await (await init(env)).checkReadiness()).warnings).toEqual([]);
  });
});

describe('a variable on a prototype', () => {
  afterEach(() => {
    for (const name of ['FIELD_ENCRYPT_MODE', 'NODE_ENV', 'FIELD_ENCRYPT_RECORDKEY']) {
      Reflect.deleteProperty(Object.prototype, name);
    }
  });

  it.each([
    ['FIELD_ENCRYPT_MODE', 'migrate'],
    ['FIELD_ENCRYPT_RECORDKEY', 'x'],
    ['NODE_ENV', 'production'],
  ])('is not set: %s', async (name, value) => {
    Object.defineProperty(Object.prototype, name, { value, configurable: true });
    expect((await init({})).mode).toBe('strict');
  });

  it('is not set, not even where it is needed', async () => {
    const heir = Object.create(ENV) as Env;
    const options = { dekStore: new MemoryDekStore(), env: heir };
    expect((await failure(initEncryption(options))).message).toContain(
      'FIELD_ENCRYPT_ENABLED is not set',
    );
  });
});

describe('a key that the code passes', () => {
  it('is used as its variable would be', async () => {
    const options = { recordKey: RECORD_KEY, previousRecordKeys: [OTHER_MEK_HEX] };
    const encryptor = await init({}, { ...options, recoveryKey: PAIR.publicKey });
    expect(encryptor.recoveryKey).toBe(PAIR.publicKey);
    const { recordAuthentication } = await encryptor.checkReadiness();
    expect(recordAuthentication).toBe('required');
  });

  it('is refused beside its variable: one of them would be ignored', async () => {
    const env = {
      FIELD_ENCRYPT_RECORD_KEY: RECORD_KEY,
      FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: OTHER_MEK_HEX,
      FIELD_ENCRYPT_RECOVERY_KEY: PAIR.publicKey,
    };
    const options = {
      recordKey: RECORD_KEY,
      previousRecordKeys: [OTHER_MEK_HEX],
      recoveryKey: PAIR.publicKey,
    };
    expect(await failure(init(env, options))).toEqual(
      invalid(
        'FIELD_ENCRYPT_RECORD_KEY is set, and "recordKey" is passed too: keep one of them',
        'FIELD_ENCRYPT_RECOVERY_KEY is set, and "recoveryKey" is passed too: keep one of them',
        'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS is set, and "previousRecordKeys" is passed too: keep one of them',
      ),
    );
  });

  it('is checked as its variable is, and named as it was passed', async () => {
    expect(await failure(init({}, { recordKey: MEK_HEX }))).toEqual(
      invalid('recordKey is given twice'),
    );
    expect(await failure(init({}, { recoveryKey: 'PEM' }))).toMatchObject({
      message: expect.stringContaining('\n- recoveryKey ') as string,
    });
    expect(await failure(init({}, { recordKey: 7 } as never))).toEqual({
      name: 'TypeError',
      message: '"recordKey" expected a string, got a number',
    });
    expect(await failure(init({}, { previousRecordKeys: [7] } as never))).toEqual({
      name: 'TypeError',
      message: '"previousRecordKeys[0]" expected a string, got a number',
    });
  });
});

it('what is allowed in production is allowed by true, and by nothing like it', async () => {
  vi.stubEnv('NODE_ENV', 'production');
  const options = { insecureAllowEnvKeysInProduction: 'true' } as never;
  expect(await failure(init({}, options))).toEqual({
    name: 'TypeError',
    message: '"insecureAllowEnvKeysInProduction" expected a boolean, got a string',
  });
  vi.unstubAllEnvs();
});
