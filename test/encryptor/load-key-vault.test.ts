import { describe, expect, it } from 'vitest';
import { ConfigurationError, EnvKeyProvider, initEncryption } from '../../src/index.js';
import type { InitEncryptionOptions } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { MEK_HEX, note } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';

const AKV = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
  AZURE_KEYVAULT_URL: 'https://v.example',
  FIELD_ENCRYPT_MEK_NAME: 'mek',
};
const ENV = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: MEK_HEX,
};

type KeyVault = NonNullable<InitEncryptionOptions['keyVault']>;
type Module = Awaited<ReturnType<KeyVault>>;

/** Stands for the adapter, without the SDK: its keys come from memory. */
class FakeVault {
  readonly passed: ConstructorParameters<Module['AkvKeyProvider']>[0][] = [];
  credentialsMade = 0;

  readonly load = (): Promise<Module> => {
    const { passed } = this;
    class AkvKeyProvider extends EnvKeyProvider {
      constructor(options: (typeof passed)[number]) {
        super({ key: MEK_HEX });
        passed.push(options);
      }
    }
    const defaultCredential = (): Promise<typeof CREDENTIAL> => {
      this.credentialsMade += 1;
      return Promise.resolve(CREDENTIAL);
    };
    return Promise.resolve({ AkvKeyProvider, defaultCredential });
  };
}

const CREDENTIAL = { getToken: () => Promise.resolve(null) };

function init(
  options: Partial<InitEncryptionOptions>,
): Promise<Awaited<ReturnType<typeof initEncryption>>> {
  return initEncryption({ dekStore: new MemoryDekStore(), env: AKV, ...options });
}

/** Rejects as `import()` does. */
function failingWith(code: string, message: string): KeyVault {
  return () => Promise.reject(Object.assign(new Error(message), { code }));
}

describe('the option "keyVault"', () => {
  it('gives the adapter for "akv", and its default credential', async () => {
    const vault = new FakeVault();
    const encryptor = await init({ keyVault: vault.load });
    const stored = await encryptor.encryptDocument(note, {
      workspaceId: 'w',
      id: '1',
      body: 'Hi',
    } as never);
    expect(stored).toHaveProperty('body._enc', 1);
    expect(vault.passed).toEqual([
      {
        vaultUrl: 'https://v.example',
        mekName: 'mek',
        credential: CREDENTIAL,
        insecureAllowLoopback: false,
      },
    ]);
    expect(vault.credentialsMade).toBe(1);
  });

  it('makes no credential where one is passed', async () => {
    const vault = new FakeVault();
    const credential = { getToken: () => Promise.resolve(null) };
    await init({ keyVault: vault.load, credential });
    expect(vault.passed[0]?.credential).toBe(credential);
    expect(vault.credentialsMade).toBe(0);
  });

  it('is not called with env keys', async () => {
    const calls: string[] = [];
    const keyVault = (): never => {
      calls.push('keyVault');
      throw new Error('called');
    };
    expect((await init({ keyVault, env: ENV })).enabled).toBe(true);
    expect(calls).toEqual([]);
  });

  it.each([ENV, AKV])('is refused where it is no function', async (env) => {
    const failure = await rejection(init({ env, keyVault: { AkvKeyProvider: 1 } as never }));
    expect(failure).toEqual(new TypeError('"keyVault" expected a function, got an object'));
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [{ AkvKeyProvider: EnvKeyProvider }, 'an object'],
  ])('is refused where it gives something else: %j', async (module, type) => {
    const failure = await rejection(init({ keyVault: () => Promise.resolve(module as never) }));
    expect(failure).toEqual(
      new TypeError(
        `"keyVault()" expected the module @bytelyst/field-encrypt/azure/key-vault with AkvKeyProvider and defaultCredential, got ${type}`,
      ),
    );
  });

  it.each([
    ['ERR_MODULE_NOT_FOUND', "Cannot find package '@azure/keyvault-keys' imported from /app.mjs"],
    ['MODULE_NOT_FOUND', "Cannot find module '@azure/keyvault-keys'"],
  ])('names the package that it misses: %s', async (code, message) => {
    const failure = await rejection(init({ keyVault: failingWith(code, message) }));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure).toMatchObject({
      message:
        'Encryption is not configured:\n- FIELD_ENCRYPT_KEY_PROVIDER is "akv", which needs the package @azure/keyvault-keys: run npm install @azure/keyvault-keys',
      cause: { code },
    });
  });

  it.each([
    ['ERR_MODULE_NOT_FOUND', "Cannot find package 'ms' imported from /app.mjs"],
    ['ERR_REQUIRE_ESM', "'@azure/keyvault-keys' cannot be loaded"],
  ])('fails with what it throws otherwise: %s', async (code, message) => {
    const failure = await rejection(init({ keyVault: failingWith(code, message) }));
    expect(failure).toMatchObject({ name: 'Error', message, code });
  });
});
