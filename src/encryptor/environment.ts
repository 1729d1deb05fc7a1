/** Reads the environment variables, and checks all of them at once. @module */
import { MOST_ENTRIES, MOST_TTL_MS } from '../dek/dek-cache.js';
import { parseRecoveryKey } from '../dek/dek-wraps.js';
import {
  unreadVariables,
  type VariableName,
  EnvironmentReader,
  type Environment,
  type PassedVariable,
  isProduction,
} from './environment-reader.js';
import type { EncryptionMode } from './field-encryptor-options.js';
import { LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS } from '../format/rotation-record.js';
import { requireList, requireText } from '../guards/guards.js';
import { parseMekBytes } from '../provider/mek-bytes.js';
import {
  isVaultKeyName,
  isVaultKeyVersion,
  isVaultUrl,
  parseVaultKeyId,
  type VaultKeyId,
} from '../provider/named-mek.js';

/** What production allows only when the code asks for it. */
export interface InsecureAllowances {
  /** Accepts `FIELD_ENCRYPT_ENABLED=false` where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowDisabledInProduction?: boolean | undefined;
  /** Accepts the env provider where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowEnvKeysInProduction?: boolean | undefined;
}

/** Options in code that a variable depends on. */
export interface EnvironmentContext extends InsecureAllowances {
  readonly recordKey?: string | undefined;
  readonly previousRecordKeys?: readonly string[] | undefined;
  readonly recoveryKey?: string | undefined;
  readonly collections?: readonly unknown[] | undefined;
  readonly insecureAcceptUnauthenticatedRecords?: boolean | undefined;
  readonly fenceTtlMs?: number | undefined;
}

export interface EnvKeySettings {
  readonly key: string;
  readonly previousKeys: readonly string[];
}

export interface VaultSettings {
  readonly vaultUrl: string;
  readonly mekName: string;
  readonly mekVersion: string | undefined;
  /** Keys that older DEKs are still wrapped under. */
  readonly previousKeys: readonly VaultKeyId[];
}

export interface RecordKeySettings {
  readonly recordKey: string;
  readonly previousRecordKeys: readonly string[];
}

/** Both are absent only where encryption is off and no key is configured. */
export interface KeySettings {
  readonly vault?: VaultSettings;
  /** With a vault: the keys that older DEKs are still wrapped under. */
  readonly env?: EnvKeySettings;
}

export interface EnvironmentSettings {
  readonly enabled: boolean;
  readonly product: string;
  readonly mode: EncryptionMode | undefined;
  readonly requireBackfilled: boolean;
  readonly keys: KeySettings;
  readonly recoveryKey: string | undefined;
  /** Absent where records are not authenticated. */
  readonly recordKeys: RecordKeySettings | undefined;
  readonly cacheMaxEntries: number | undefined;
  readonly cacheTtlMs: number | undefined;
  readonly minimumEpoch: number | undefined;
  /** Only for the first record of a product. */
  readonly fenceTtlMs: number | undefined;
  /** Unused variables with our prefix. */
  readonly unread: readonly string[];
}

type Reader = EnvironmentReader<VariableName>;

const KEY_TEXT = '32 bytes as base64, base64url or hex';

/** @throws ConfigurationError that lists every problem, by variable and never with its value. */
export function readEnvironment(
  env: Environment,
  context: EnvironmentContext,
): EnvironmentSettings {
  const reader = new EnvironmentReader<VariableName>(env, passedVariables(context));
  const inProduction = isProduction(env);
  const enabled = readEnabled(reader, inProduction, context);
  const seen = new Set<string>();
  const settings = {
    enabled,
    product: readProduct(reader),
    keys: readKeys(reader, { enabled, inProduction, allowances: context, seen }),
    recordKeys: readRecordKeys(reader, seen, context),
    recoveryKey: readRecoveryPem(reader),
    ...readGate(reader, enabled, context),
    cacheMaxEntries: reader.integer('FIELD_ENCRYPT_CACHE_MAX_ENTRIES', 1, MOST_ENTRIES),
    minimumEpoch: reader.integer('FIELD_ENCRYPT_MINIMUM_EPOCH', 1, Number.MAX_SAFE_INTEGER),
    cacheTtlMs: reader.integer('FIELD_ENCRYPT_CACHE_TTL_MS', 1, MOST_TTL_MS),
    fenceTtlMs: readFenceTtl(reader, context),
  };
  const unread = readUnread(reader, env);
  reader.finish();
  return { ...settings, unread };
}

/** Secrets from a source other than the environment, for example a secret store. */
function passedVariables({
  recordKey,
  previousRecordKeys = [],
  recoveryKey,
}: EnvironmentContext): Readonly<Partial<Record<VariableName, PassedVariable>>> {
  requireList('previousRecordKeys', previousRecordKeys);
  const passed: [VariableName, string, unknown][] = [
    ['FIELD_ENCRYPT_RECORD_KEY', 'recordKey', recordKey],
    ['FIELD_ENCRYPT_RECOVERY_KEY', 'recoveryKey', recoveryKey],
  ];
  if (previousRecordKeys.length > 0) {
    const list = previousRecordKeys.map((key, index) => {
      requireText(`previousRecordKeys[${String(index)}]`, key);
      return key;
    });
    passed.push(['FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS', 'previousRecordKeys', list.join(',')]);
  }
  const given = passed.filter(([, , text]) => text !== undefined);
  return Object.fromEntries(
    given.map(([variable, option, text]) => {
      requireText(option, text);
      return [variable, { option, text }];
    }),
  );
}

function readFenceTtl(reader: Reader, { fenceTtlMs }: EnvironmentContext): number | undefined {
  const variable = 'FIELD_ENCRYPT_FENCE_TTL_MS';
  if (fenceTtlMs !== undefined && reader.isSet(variable)) {
    reader.report(variable, 'is set, and "fenceTtlMs" is passed too: keep one of them');
  }
  return reader.integer(variable, LEAST_FENCE_TTL_MS, MOST_FENCE_TTL_MS);
}

/** An unused name may be a mistake, or belong to other software: Kubernetes creates some for each Service. */
function readUnread(reader: Reader, env: Environment): readonly string[] {
  const unread = unreadVariables(env);
  for (const { name, meant } of unread) {
    if (meant !== undefined) reader.report(name, `is not used: did you mean ${meant}?`);
  }
  return unread.map(({ name }) => name);
}

function readEnabled(
  reader: Reader,
  inProduction: boolean,
  { insecureAllowDisabledInProduction }: InsecureAllowances,
): boolean {
  const variable = 'FIELD_ENCRYPT_ENABLED';
  const enabled = reader.oneOf(variable, ['true', 'false'], true) !== 'false';
  if (!enabled && inProduction && insecureAllowDisabledInProduction !== true) {
    reader.report(
      variable,
      'is "false" while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
    );
  }
  return enabled;
}

function readProduct(reader: Reader): string {
  const variable = 'FIELD_ENCRYPT_PRODUCT';
  const product =
    reader.required(variable, 'the name of the product, which can never change') ?? '';
  if (!product.isWellFormed()) reader.report(variable, 'must be well-formed Unicode');
  return product;
}

/** The check counts plaintext before `strict` refuses it: in any other mode it would have no effect. */
function readGate(
  reader: Reader,
  enabled: boolean,
  { collections }: EnvironmentContext,
): Pick<EnvironmentSettings, 'mode' | 'requireBackfilled'> {
  const variable = 'FIELD_ENCRYPT_REQUIRE_BACKFILLED';
  const mode = reader.oneOf('FIELD_ENCRYPT_MODE', ['strict', 'migrate'], false);
  const requireBackfilled = reader.oneOf(variable, ['true', 'false'], false) === 'true';
  const report = (problem: string): void => {
    if (requireBackfilled) reader.report(variable, `is "true" ${problem}`);
  };
  if (!enabled) report('while FIELD_ENCRYPT_ENABLED is "false": unset it, or turn encryption on');
  if (mode === 'migrate') {
    report('while FIELD_ENCRYPT_MODE is "migrate": unset it until the backfill is done');
  }
  if (!Array.isArray(collections) || collections.length === 0) {
    report('without any collection to check: pass "collections" to initEncryption');
  }
  return { mode, requireBackfilled };
}

interface KeyContext {
  readonly enabled: boolean;
  readonly inProduction: boolean;
  readonly allowances: InsecureAllowances;
  /** Every key so far: a record key must not also be a MEK. */
  readonly seen: Set<string>;
}

function readKeys(reader: Reader, context: KeyContext): KeySettings {
  const variable = 'FIELD_ENCRYPT_KEY_PROVIDER';
  switch (reader.oneOf(variable, ['akv', 'env'], context.enabled)) {
    case 'akv':
      return { vault: readVault(reader), ...readEnvKeysBesideVault(reader, context) };
    case 'env':
      refuseInProduction(reader, context, variable, 'is "env"');
      return { env: readEnvKeys(reader, context.seen) };
    default:
      return {};
  }
}

/** A product that moves to a vault needs its env keys until every DEK is rewrapped. */
function readEnvKeysBesideVault(reader: Reader, context: KeyContext): Pick<KeySettings, 'env'> {
  const variable = 'FIELD_ENCRYPT_KEY';
  if (!reader.isSet(variable) && !reader.isSet('FIELD_ENCRYPT_PREVIOUS_KEYS')) return {};
  refuseInProduction(reader, context, variable, 'is used with "akv"');
  return { env: readEnvKeys(reader, context.seen) };
}

function refuseInProduction(
  reader: Reader,
  { inProduction, allowances }: KeyContext,
  variable: VariableName,
  what: string,
): void {
  if (!inProduction || allowances.insecureAllowEnvKeysInProduction === true) return;
  reader.report(
    variable,
    `${what} while NODE_ENV is "production": use a key vault, or pass insecureAllowEnvKeysInProduction: true`,
  );
}

function readEnvKeys(reader: Reader, seen: Set<string>): EnvKeySettings {
  const key = reader.required('FIELD_ENCRYPT_KEY', KEY_TEXT);
  if (key !== undefined) checkKey(reader, seen, { variable: 'FIELD_ENCRYPT_KEY', text: key });
  const previousKeys = readKeyList(reader, seen, 'FIELD_ENCRYPT_PREVIOUS_KEYS');
  return { key: key ?? '', previousKeys };
}

/** Other record settings without a key must not leave records unprotected silently. */
function readRecordKeys(
  reader: Reader,
  seen: Set<string>,
  { insecureAcceptUnauthenticatedRecords }: EnvironmentContext,
): RecordKeySettings | undefined {
  const variable = 'FIELD_ENCRYPT_RECORD_KEY';
  const previous = 'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS';
  const isNeeded = reader.isSet(previous) || insecureAcceptUnauthenticatedRecords === true;
  const recordKey = isNeeded ? reader.required(variable, KEY_TEXT) : reader.optional(variable);
  if (recordKey !== undefined) checkKey(reader, seen, { variable, text: recordKey });
  const previousRecordKeys = readKeyList(reader, seen, previous);
  return recordKey === undefined ? undefined : { recordKey, previousRecordKeys };
}

function readKeyList(reader: Reader, seen: Set<string>, variable: VariableName): readonly string[] {
  const keys = reader.optional(variable)?.split(',') ?? [];
  for (const [index, text] of keys.entries()) {
    checkKey(reader, seen, { variable, which: `entry ${String(index + 1)} `, text });
  }
  return keys;
}

function checkKey(
  reader: Reader,
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

function readRecoveryPem(reader: Reader): string | undefined {
  const variable = 'FIELD_ENCRYPT_RECOVERY_KEY';
  // Environment files hold one line for each variable, and so write line ends as `\n`.
  const pem = reader.optional(variable)?.replaceAll(String.raw`\n`, '\n');
  if (pem === undefined) return undefined;
  const key = parseRecoveryKey(pem);
  if (typeof key === 'string') reader.report(variable, key);
  return pem;
}

function readVault(reader: Reader): VaultSettings {
  const url = reader.required('AZURE_KEYVAULT_URL', 'the address of the vault, https://…');
  if (url !== undefined && !isVaultUrl(url)) {
    reader.report('AZURE_KEYVAULT_URL', 'must be https:// and a host, without path or query');
  }
  const name = reader.required('FIELD_ENCRYPT_MEK_NAME', 'the name of the key in the vault');
  if (name !== undefined && !isVaultKeyName(name)) {
    reader.report(
      'FIELD_ENCRYPT_MEK_NAME',
      'must be letters, digits and dashes, without a version',
    );
  }
  const version = reader.optional('FIELD_ENCRYPT_MEK_VERSION');
  if (version !== undefined && !isVaultKeyVersion(version)) {
    reader.report('FIELD_ENCRYPT_MEK_VERSION', 'must be 32 lowercase hex digits');
  }
  const settings = { vaultUrl: url ?? '', mekName: name ?? '', mekVersion: version };
  return { ...settings, previousKeys: readPreviousVaultKeys(reader, settings) };
}

/** Rows name a MEK by its name, not by its vault: two keys of one name could not be distinguished. */
function readPreviousVaultKeys(
  reader: Reader,
  { mekName: current }: VaultKeyId,
): readonly VaultKeyId[] {
  const variable = 'FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS';
  const texts = reader.optional(variable)?.split(',') ?? [];
  const names = new Set([current]);
  return texts.flatMap((text, index) => {
    const which = `entry ${String(index + 1)}`;
    const key = parseVaultKeyId(text);
    if (!key) {
      reader.report(variable, `${which} must be https://<vault>/keys/<name>, without a version`);
      return [];
    }
    if (names.has(key.mekName)) {
      const problem = 'has the name of another key, and DEK rows name keys by it';
      reader.report(variable, `${which} ${problem}: make the new key under another name`);
    }
    names.add(key.mekName);
    return [key];
  });
}
