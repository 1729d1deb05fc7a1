/** Loads the Key Vault adapter, which is not part of the core. @module */
import type { Clock } from '../async/clock.js';
import { requireMethods } from '../guards/guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { isNotFound, missingPackage, notLoaded } from '../provider/missing-package.js';

/** The part of a `TokenCredential` that a key vault needs; any credential of `@azure/identity` is one. */
export interface AzureCredential {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

/** What `initEncryption` uses of `@bytelyst/field-encrypt/azure/key-vault`. */
export interface KeyVaultModule {
  readonly AkvKeyProvider: new (options: {
    readonly vaultUrl: string;
    readonly mekName: string;
    readonly credential: AzureCredential;
    readonly insecureAllowLoopback?: boolean;
    readonly mekVersion?: string;
    readonly maxOpsPerSecond?: number;
    readonly maxQueued?: number;
    readonly clock?: Clock;
  }) => KeyProvider;
  readonly defaultCredential: () => Promise<AzureCredential>;
}

const KEY_VAULT = '@bytelyst/field-encrypt/azure/key-vault';
const PASS_IT = `needs ${KEY_VAULT}, and cannot load it by its name, as in a bundle: pass keyVault: () => import("${KEY_VAULT}") to initEncryption`;
/** `import()` of a script that was compiled from a string, as tests and single executables do. */
const CANNOT_IMPORT: readonly unknown[] = [
  'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING',
  'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG',
];

/** @throws ConfigurationError that says what to install, or that `keyVault` has to be passed. */
export async function loadKeyVault(
  keyVault: (() => Promise<KeyVaultModule>) | undefined,
): Promise<KeyVaultModule> {
  let loaded: KeyVaultModule;
  try {
    loaded = await (keyVault ? keyVault() : importByName(KEY_VAULT));
  } catch (cause) {
    if (keyVault || !isOutOfReach(cause)) throw missingPackage('@azure/keyvault-keys', cause);
    throw notLoaded(PASS_IT, cause);
  }
  requireMethods(
    'keyVault()',
    `the module ${KEY_VAULT}`,
    ['AkvKeyProvider', 'defaultCredential'],
    loaded,
  );
  return loaded;
}

/** A name that a bundler does not see, and so does not look for the packages of Azure. */
async function importByName(name: string): Promise<KeyVaultModule> {
  return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as KeyVaultModule;
}

/** A bundle, where this package is not, or a place without `import()`. */
function isOutOfReach(cause: unknown): boolean {
  const { code } = cause as { readonly code?: unknown };
  return CANNOT_IMPORT.includes(code) || isNotFound('@bytelyst/field-encrypt', cause);
}
