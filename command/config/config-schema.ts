/** The schema of the configuration file. @module */
import type { AnyDefinition, AuditSink, KeyProvider } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { DURATION_TEXT, parseDuration } from '../command-line/durations.js';
import { AUDIT_SINK, DEFINITION, KEY_PROVIDER, MOVE, UPGRADE } from './code-values.js';
import {
  FORMS,
  inCode,
  integer,
  NAME,
  onlyCode,
  orCode,
  publicKey,
  secret,
  text,
  wrongType,
  type Format,
} from './schema-parts.js';
import type {
  AuditSettings,
  CollectionSettings,
  DefinitionSettings,
  ProductSettings,
  ProviderSettings,
  Settings,
} from './settings.js';
import { credentialOf, dekStore, documentStore } from './store-schema.js';

/** `code` also accepts the objects that a configuration in code may hold. */
export function configSchema(format: Format): z.ZodType<Settings> {
  return z.strictObject({
    $schema: z.string().optional(),
    audit: audit(format).optional().describe('Where the audit trail goes. Default: nowhere.'),
    products: z
      .record(NAME, product(format))
      .refine((all) => Object.keys(all).length > 0, { error: 'needs at least one product' })
      .describe('The products, by the names under which their DEK rows are stored.'),
    reportSecrets: secret(
      'The variable with the secret, or two separated by a comma, that reports are signed with.',
    ).optional(),
  });
}

const maxBytes = integer(65_536).optional();

function audit(format: Format): z.ZodType<AuditSettings | AuditSink> {
  const options = [
    z.strictObject({
      type: z.literal('file'),
      file: text('The file, relative to this file; JSON lines.'),
      maxBytes: maxBytes.describe('The size at which the file is renamed, and a new one begins.'),
    }),
    z.strictObject({
      type: z.literal('http'),
      url: text('The address that takes the events.', FORMS.auditUrl),
      secrets: secret('The variable with the signing secret, or two, separated by a comma.'),
      folder: text('The folder of the spool, relative to this file.'),
      token: secret('The variable with a bearer token for the service.').optional(),
      maxBytes: maxBytes.describe('The most that waits in the spool.'),
    }),
  ] as const;
  const plain = z.discriminatedUnion('type', options, { error: wrongType(['file', 'http']) });
  return orCode<AuditSettings, AuditSink>(format, plain, AUDIT_SINK);
}

function product(format: Format): z.ZodType<ProductSettings> {
  return z.strictObject({
    providers: z
      .array(provider(format))
      .min(1)
      .optional()
      .describe('All providers whose MEKs rows may name; a new product starts with the first.'),
    dekStore: dekStore(format).describe('Where the wrapped DEKs are.'),
    recordKey: secret('The variable with the record key.').optional(),
    previousRecordKeys: secret('The variable with record keys that only verify.').optional(),
    insecureAcceptUnauthenticatedRecords: z.boolean().optional(),
    recoveryKey: publicKey('Where the PEM of the public recovery key is.').optional(),
    minimumEpoch: integer(1).describe('Refuses a rotation record below it. Default: 1.').optional(),
    fenceTtlMs: integer(1_000, 600_000)
      .describe('For a product without a rotation record. Default: 30000.')
      .optional(),
    collections: z.record(NAME, collection(format)).optional(),
    copies: z.record(NAME, copy(format)).optional().describe('Restored copies, by name.'),
    retention: retention.optional(),
  });
}

const keyVault = {
  type: z.literal('azure-key-vault'),
  id: NAME.optional().describe('Its name in DEK rows. Default: akv.'),
  vaultUrl: text('The address of the vault, or of a Managed HSM.', FORMS.vaultUrl),
  mekName: text('The name of the key, without a version.', FORMS.mekName),
  mekVersion: text('Pins the current version. Default: the newest.', FORMS.mekVersion).optional(),
  wrapAlgorithm: z.enum(['RSA-OAEP-256', 'A256KW']).optional(),
  wrapMode: z.enum(['local', 'vault']).optional(),
  maxOpsPerSecond: z.number().positive().optional().describe('Most operations per second.'),
  maxQueued: integer(1, 1_000_000)
    .describe('Most calls that wait for maxOpsPerSecond. Default: 1000.')
    .optional(),
  insecureAllowLoopback: z.boolean().optional().describe('Allows an emulator on this machine.'),
};

const envKeys = z.strictObject({
  type: z.literal('env'),
  id: NAME.optional().describe('Its name in DEK rows. Default: env.'),
  key: secret('The variable with the current MEK.'),
  previousKeys: secret('The variable with earlier MEKs, separated by commas.').optional(),
});

function provider(format: Format): z.ZodType<KeyProvider | ProviderSettings> {
  const options = [z.strictObject({ ...keyVault, ...credentialOf(format) }), envKeys] as const;
  const plain = z.discriminatedUnion('type', options, {
    error: wrongType(['azure-key-vault', 'env']),
  });
  return orCode<ProviderSettings, KeyProvider>(format, plain, KEY_PROVIDER);
}

const definition = z.strictObject({
  key: z.array(NAME).min(1).describe('The properties that identify a document, the tenant first.'),
  fields: z.array(NAME).min(1).describe('The paths to encrypt: body, meta.location, tags[].'),
  stages: z.record(NAME, z.enum(['sealed', 'sealing', 'opening'])).optional(),
  former: z.array(NAME).optional().describe('Paths of earlier definitions.'),
});

function collection(format: Format): z.ZodType<CollectionSettings> {
  return z.strictObject({
    definition: orCode<DefinitionSettings, AnyDefinition>(format, definition, DEFINITION),
    documentStore: documentStore(format).describe('Where the documents are.'),
    ...inCode(format, {
      upgrade: onlyCode(UPGRADE).optional(),
      move: onlyCode(MOVE).optional(),
    }),
  });
}

function copy(format: Format) {
  return z.strictObject({
    dekStore: dekStore(format),
    collections: z.record(NAME, documentStore(format)).optional(),
  });
}

function duration(description: string) {
  return z
    .string()
    .refine((given) => parseDuration(given) !== undefined, { error: `must be ${DURATION_TEXT}` })
    .describe(description)
    .optional();
}

const retention = z.strictObject({
  soak: duration('How long a MEK version rests before it is retired: 24h.'),
  backupWindow: duration('How long backups of the DEK store are kept: 30d.'),
});
