/** What the environment variables say, checked all at once. @module */
import { MOST_ENTRIES, MOST_TTL_MS } from './dek/dek-cache.js';
import { EnvironmentReader, type Environment } from './environment-reader.js';
import type { EncryptionMode } from './field-encryptor-options.js';
import { parseMekBytes } from './provider/mek-bytes.js';

/** What is allowed in production only when the code says so. */
export interface InsecureAllowances {
  /** Lets `FIELD_ENCRYPT_ENABLED=false` pass where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowDisabledInProduction?: boolean | undefined;
  /** Lets the env provider pass where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowEnvKeysInProduction?: boolean | undefined;
}

export interface EnvKeySettings {
  readonly key: string;
  readonly previousKeys: readonly string[];
}

export interface EnvironmentSettings {
  readonly enabled: boolean;
  readonly product: string;
  readonly mode: EncryptionMode | undefined;
  /** Absent only where encryption is off and no key is configured. */
  readonly envKeys: EnvKeySettings | undefined;
  readonly cacheMaxEntries: number | undefined;
  readonly cacheTtlMs: number | undefined;
}

const VAULT_KEY_NAME = /^[0-9A-Za-z-]{1,127}$/;
const VAULT_KEY_VERSION = /^[0-9a-f]{32}$/;

/** @throws ConfigurationError that lists every problem, by variable and never with its value. */
export function readEnvironment(
  env: Environment,
  allowances: InsecureAllowances,
): EnvironmentSettings {
  const reader = new EnvironmentReader(env);
  const isProduction = env['NODE_ENV'] === 'production';
  const enabled = readEnabled(reader, isProduction, allowances);
  const settings = {
    enabled,
    product: readProduct(reader),
    envKeys: readKeys(reader, { enabled, isProduction, allowances }),
    mode: reader.oneOf('FIELD_ENCRYPT_MODE', ['strict', 'migrate'], false),
    cacheMaxEntries: reader.integer('FIELD_ENCRYPT_CACHE_MAX_ENTRIES', 1, MOST_ENTRIES),
    cacheTtlMs: reader.integer('FIELD_ENCRYPT_CACHE_TTL_MS', 1, MOST_TTL_MS),
  };
  reader.finish();
  return settings;
}

function readEnabled(
  reader: EnvironmentReader,
  isProduction: boolean,
  { insecureAllowDisabledInProduction }: InsecureAllowances,
): boolean {
  const variable = 'FIELD_ENCRYPT_ENABLED';
  const enabled = reader.oneOf(variable, ['true', 'false'], true) !== 'false';
  if (!enabled && isProduction && insecureAllowDisabledInProduction !== true) {
    reader.report(
      variable,
      'is "false" while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
    );
  }
  return enabled;
}

function readProduct(reader: EnvironmentReader): string {
  const variable = 'FIELD_ENCRYPT_PRODUCT';
  const product =
    reader.required(variable, 'the name of the product, which can never change') ?? '';
  if (!product.isWellFormed()) reader.report(variable, 'must be well-formed Unicode');
  return product;
}

interface KeyContext {
  readonly enabled: boolean;
  readonly isProduction: boolean;
  readonly allowances: InsecureAllowances;
}

function readKeys(
  reader: EnvironmentReader,
  { enabled, isProduction, allowances }: KeyContext,
): EnvKeySettings | undefined {
  const variable = 'FIELD_ENCRYPT_KEY_PROVIDER';
  const provider = reader.oneOf(variable, ['akv', 'env'], enabled);
  if (provider === 'akv') readVault(reader);
  if (provider !== 'env') return undefined;
  if (isProduction && allowances.insecureAllowEnvKeysInProduction !== true) {
    reader.report(
      variable,
      'is "env" while NODE_ENV is "production": use a key vault, or pass insecureAllowEnvKeysInProduction: true',
    );
  }
  return readEnvKeys(reader);
}

function readEnvKeys(reader: EnvironmentReader): EnvKeySettings {
  const key = reader.required('FIELD_ENCRYPT_KEY', '32 bytes as base64, base64url or hex');
  const previousKeys = reader.optional('FIELD_ENCRYPT_PREVIOUS_KEYS')?.split(',') ?? [];
  const seen = new Set<string>();
  if (key !== undefined) checkKey(reader, seen, { variable: 'FIELD_ENCRYPT_KEY', text: key });
  for (const [index, text] of previousKeys.entries()) {
    const which = `entry ${String(index + 1)} `;
    checkKey(reader, seen, { variable: 'FIELD_ENCRYPT_PREVIOUS_KEYS', which, text });
  }
  return { key: key ?? '', previousKeys };
}

function checkKey(
  reader: EnvironmentReader,
  seen: Set<string>,
  { variable, which = '', text }: { variable: string; which?: string; text: string },
): void {
  const bytes = parseMekBytes(text);
  if (typeof bytes === 'string') {
    reader.report(variable, which + bytes);
    return;
  }
  const identity = bytes.toString('base64');
  bytes.fill(0);
  if (seen.has(identity)) reader.report(variable, `${which}is given twice`);
  seen.add(identity);
}

function readVault(reader: EnvironmentReader): void {
  const url = reader.required('AZURE_KEYVAULT_URL', 'the address of the vault, https://…');
  if (url !== undefined && !isVaultUrl(url)) {
    reader.report('AZURE_KEYVAULT_URL', 'must be https:// and a host, without path or query');
  }
  const name = reader.required('FIELD_ENCRYPT_MEK_NAME', 'the name of the key in the vault');
  if (name !== undefined && !VAULT_KEY_NAME.test(name)) {
    reader.report(
      'FIELD_ENCRYPT_MEK_NAME',
      'must be letters, digits and dashes, without a version',
    );
  }
  const version = reader.optional('FIELD_ENCRYPT_MEK_VERSION');
  if (version !== undefined && !VAULT_KEY_VERSION.test(version)) {
    reader.report('FIELD_ENCRYPT_MEK_VERSION', 'must be 32 lowercase hex digits');
  }
  reader.report('FIELD_ENCRYPT_KEY_PROVIDER', 'is "akv", which is not built yet: use "env"');
}

function isVaultUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(text);
  return protocol === 'https:' && pathname === '/' && search + hash + username + password === '';
}
