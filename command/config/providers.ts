/** Opens the key providers of the configuration. @module */
import { EnvKeyProvider, type KeyProvider } from '@bytelyst/field-encrypt';
import type { VaultCredential } from '@bytelyst/field-encrypt/azure/key-vault';
import type { KeyClient } from '@azure/keyvault-keys';
import { KEY_PROVIDER } from './code-values.js';
import { entraCredential, loadKeys, loadKeyVault } from './credentials.js';
import type { OpeningContext } from './opening.js';
import type { EnvKeySettings, KeyVaultSettings, ProviderSettings } from './settings.js';
import { describeObject } from './stores.js';
import { at, createdAt, ValueReader } from './value-reader.js';

export interface OpenProvider {
  readonly id: string;
  readonly kind: 'azure-key-vault' | 'env' | 'object';
  readonly provider: KeyProvider;
  /** What it is, for people. */
  readonly describe: string;
  /** Only of `azure-key-vault`. */
  readonly vault?: OpenVault;
}

export interface OpenVault {
  readonly url: string;
  readonly mekName: string;
  /** The SDK's client, for what no provider reads: dates, protection, the rotation policy. */
  keyClient(): Promise<KeyClient>;
}

export async function openProvider(
  path: string,
  settings: KeyProvider | ProviderSettings,
  context: OpeningContext,
): Promise<OpenProvider> {
  if (KEY_PROVIDER.is(settings)) {
    const describe = describeObject(settings);
    return { id: settings.id, kind: 'object', provider: settings, describe };
  }
  if (settings.type === 'env') return openEnvKeys(path, settings, context);
  return openKeyVault(path, settings, context);
}

function openEnvKeys(
  path: string,
  { id, key, previousKeys }: EnvKeySettings,
  { config }: OpeningContext,
): OpenProvider {
  const reader = new ValueReader(config.env);
  const options = {
    key: reader.text(at(path, 'key'), key),
    previousKeys: reader.list(at(path, 'previousKeys'), previousKeys),
    ...(id !== undefined && { id }),
  };
  reader.finish();
  const names = {
    key: `the variable ${key.env}`,
    previousKeys: `the variable ${previousKeys?.env ?? ''}`,
  };
  const provider = createdAt(path, () => new EnvKeyProvider(options), names);
  const describe = `keys in ${key.env}${previousKeys ? ` and ${previousKeys.env}` : ''}`;
  return { id: provider.id, kind: 'env', provider, describe };
}

async function openKeyVault(
  path: string,
  settings: KeyVaultSettings,
  { config, clock }: OpeningContext,
): Promise<OpenProvider> {
  const reader = new ValueReader(config.env);
  const vaultUrl = reader.text(at(path, 'vaultUrl'), settings.vaultUrl);
  const mekName = reader.text(at(path, 'mekName'), settings.mekName);
  const mekVersion = reader.optionalText(at(path, 'mekVersion'), settings.mekVersion);
  reader.finish();
  const { AkvKeyProvider } = await loadKeyVault(path);
  const credential = await entraCredential(path, settings.credential);
  const given = { ...givenOptions(settings), ...(mekVersion !== undefined && { mekVersion }) };
  const provider = createdAt(
    path,
    () => new AkvKeyProvider({ vaultUrl, mekName, credential, clock, ...given }),
  );
  const url = new URL(vaultUrl).origin;
  const vault = {
    url,
    mekName,
    keyClient: () => keyClient(path, url, credential, settings.insecureAllowLoopback === true),
  };
  const describe = `key ${mekName} in ${url}`;
  return { id: provider.id, kind: 'azure-key-vault', provider, describe, vault };
}

const PASSED_ON = [
  'id',
  'wrapAlgorithm',
  'wrapMode',
  'maxOpsPerSecond',
  'maxQueued',
  'insecureAllowLoopback',
] as const;

type PassedOn = { [Name in (typeof PASSED_ON)[number]]?: NonNullable<KeyVaultSettings[Name]> };

function givenOptions(settings: KeyVaultSettings): PassedOn {
  const given = PASSED_ON.filter((name) => settings[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, settings[name]]));
}

async function keyClient(
  path: string,
  url: string,
  credential: VaultCredential,
  isOnThisMachine: boolean,
): Promise<KeyClient> {
  const { KeyClient: Client } = await loadKeys(path);
  return new Client(url, credential, {
    // An emulator has another name than the service that its challenge names.
    disableChallengeResourceVerification: isOnThisMachine,
    retryOptions: { maxRetries: 2 },
  });
}
