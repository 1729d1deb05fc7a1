/** The schema of stores. @module */
import * as z from 'zod';
import type { DekStore } from '@bytelyst/field-encrypt';
import {
  CREDENTIAL,
  DEK_STORE,
  DOCUMENT_STORE,
  type AnyDocumentStore,
  type Credential,
} from './code-values.js';
import {
  FORMS,
  inCode,
  integer,
  NAME,
  onlyCode,
  orCode,
  secret,
  text,
  wrongType,
  type Format,
} from './schema-parts.js';
import { mismatch } from './schema-messages.js';
import { DRIVERS, type DekStoreSettings, type DocumentStoreSettings } from './settings.js';

const TYPES = ['sqlite', 'cosmos'] as const;

/** Entra ID, in code, by another credential than the default one. */
export function credentialOf(format: Format): {
  readonly credential: z.ZodOptional<z.ZodType<Credential>>;
} {
  return inCode(format, { credential: onlyCode(CREDENTIAL).optional() });
}

const sqlite = {
  type: z.literal('sqlite'),
  file: text('The SQLite file, relative to this file.'),
  driver: z
    .enum(DRIVERS)
    .optional()
    .describe('The SQLite driver. Default: the first of these that is installed.'),
};

function cosmos(format: Format) {
  return {
    type: z.literal('cosmos'),
    endpoint: text('The address of the account.', FORMS.endpoint),
    key: secret('The variable with a key of the account. Default: Entra ID.').optional(),
    database: text('The name of the database.'),
    container: text('The name of the container.'),
    ...credentialOf(format),
  };
}

const table = text('The name of the table.', FORMS.table);

export function dekStore(format: Format): z.ZodType<DekStore | DekStoreSettings> {
  const readLagMs = integer(0, 3_600_000)
    .describe('For how many milliseconds a read may miss a write. Default: 5000.')
    .optional();
  const options = [
    z.strictObject({ ...sqlite, table: table.optional() }),
    z.strictObject({ ...cosmos(format), readLagMs }),
  ] as const;
  const plain = z.discriminatedUnion('type', options, { error: wrongType(TYPES) });
  return orCode<DekStoreSettings, DekStore>(format, plain, DEK_STORE);
}

const where = z.strictObject({
  condition: z.string().min(1).describe('A condition in the SQL of Cosmos DB, on an item c.'),
  parameters: z.record(z.string(), z.json()).optional(),
});

export function documentStore(format: Format): z.ZodType<AnyDocumentStore | DocumentStoreSettings> {
  const partitionKey = z
    .union([NAME, z.array(NAME).min(1)], {
      error: ({ input }) => mismatch('the name of a property, or a list of names', input),
    })
    .describe('The properties of the partition key, without slashes.');
  const options = [
    z.strictObject({ ...sqlite, table }),
    z.strictObject({
      ...cosmos(format),
      partitionKey,
      where: where.optional().describe('Which items belong to the collection. Default: all.'),
    }),
  ] as const;
  const plain = z.discriminatedUnion('type', options, { error: wrongType(TYPES) });
  return orCode<DocumentStoreSettings, AnyDocumentStore>(format, plain, DOCUMENT_STORE);
}
