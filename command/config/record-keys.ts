/** The keys of a product beside the MEK: the record key and the recovery key. @module */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { authenticateRecords, createFieldEncryptor, type DekStore } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import type { LoadedConfig } from './config-file.js';
import type { ProductSettings, PublicKeySettings } from './settings.js';
import { at, createdAt, isReference, ValueReader } from './value-reader.js';

/** @returns The store with record authentication, where a record key is configured. */
export function withRecordKeys(
  { env }: LoadedConfig,
  path: string,
  settings: ProductSettings,
  dekStore: DekStore,
): DekStore {
  const { recordKey, previousRecordKeys } = settings;
  const { insecureAcceptUnauthenticatedRecords = false } = settings;
  if (recordKey === undefined) return dekStore;
  const reader = new ValueReader(env);
  const options = {
    recordKey: reader.text(at(path, 'recordKey'), recordKey),
    previousRecordKeys: reader.list(at(path, 'previousRecordKeys'), previousRecordKeys),
    insecureAcceptUnauthenticatedRecords,
  };
  reader.finish();
  const names = {
    recordKey: `the variable ${recordKey.env}`,
    previousRecordKeys: `the variable ${previousRecordKeys?.env ?? ''}`,
  };
  return createdAt(path, () => authenticateRecords(dekStore, options), names);
}

/** Nothing is read from it: it stands where the library wants a store to check a key. */
const NO_STORE = Object.fromEntries(
  ['create', 'get', 'replace', 'list'].map((name) => [name, () => undefined]),
) as unknown as DekStore;

/** Checks the record keys without a store. */
export function requireRecordKeys(
  config: LoadedConfig,
  path: string,
  settings: ProductSettings,
): void {
  withRecordKeys(config, path, settings, NO_STORE);
}

/** @returns The PEM of the public key, checked as the library checks it. */
export function readRecoveryKey(
  { env, folder }: LoadedConfig,
  path: string,
  settings: PublicKeySettings,
): string {
  const [recoveryKey, name] = isReference(settings)
    ? [variablePem(env, path, settings), `the variable ${settings.env}`]
    : [filePem(path, resolve(folder, settings.file)), 'the file'];
  const parts = { product: 'any', keyProviders: [], dekStore: NO_STORE };
  createdAt(
    path.slice(0, -'.recoveryKey'.length),
    () => createFieldEncryptor({ ...parts, recoveryKey }),
    { recoveryKey: name },
  );
  return recoveryKey;
}

function variablePem(
  env: LoadedConfig['env'],
  path: string,
  reference: { readonly env: string },
): string {
  const reader = new ValueReader(env);
  const text = reader.text(path, reference);
  reader.finish();
  // Environment files hold one line for each variable, and so write line ends as `\n`.
  return text.replaceAll(String.raw`\n`, '\n');
}

function filePem(path: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'an error' } = error as { readonly code?: string };
    throw new UsageError(
      `${path}.file: ${file} cannot be read (${code}): correct the path, which is relative to the configuration file`,
    );
  }
}
