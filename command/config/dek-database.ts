/** What the database itself says of its rows and settings, past the library. @module */
import type { OpenContainer } from './cosmos-accounts.js';
import { hasTable, type OpenSqliteFile } from './sqlite-files.js';

/** What an operator looks at before a rotation; absent where the database does not show it. */
export interface DatabaseFacts {
  readonly partitionKeyPaths?: readonly string[];
  /** Seconds, or -1 where items may have their own; absent where nothing expires. */
  readonly defaultTtl?: number;
  readonly hasMultipleWriteRegions?: boolean;
}

export interface DekDatabase {
  readonly describe: string;
  /** The operator's query, for people to run themselves; absent for a store in code. */
  query(mekVersion: string): string | undefined;
  /** @returns How many rows of the product are on another MEK version; nothing for a store in code. */
  countNotOn(mekVersion: string, signal: AbortSignal | undefined): Promise<number | undefined>;
  /** @returns Nothing where there are no such settings. */
  facts(signal: AbortSignal | undefined): Promise<DatabaseFacts | undefined>;
}

export function objectDatabase(describe: string): DekDatabase {
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  return { describe, query: () => undefined, countNotOn: nothing, facts: nothing };
}

export function sqliteDatabase(
  { handle, file }: OpenSqliteFile,
  table: string,
  product: string,
): DekDatabase {
  const count = `SELECT COUNT(*) AS total FROM "${table}" WHERE product = ? AND mek_version <> ?`;
  return {
    describe: `table ${table} of ${file}`,
    query: (version) =>
      `SELECT COUNT(*) FROM "${table}" WHERE product = ${quoted(columnText(product))} AND mek_version <> ${quoted(version)}`,
    countNotOn: async (mekVersion, signal) => {
      signal?.throwIfAborted();
      await Promise.resolve();
      if (!hasTable(handle, table)) return 0;
      const rows = handle.prepare(count).all(columnText(product), columnText(mekVersion));
      return Number((rows[0] as { readonly total?: unknown } | undefined)?.total);
    },
    facts: () => Promise.resolve(undefined),
  };
}

export function cosmosDatabase(
  { client, container, describe }: OpenContainer,
  product: string,
): DekDatabase {
  const where = (version: string, name: string): string =>
    `SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != ${version} AND c.product = ${name}`;
  return {
    describe,
    query: (version) => where(JSON.stringify(version), JSON.stringify(product)),
    countNotOn: async (mekVersion, signal) => {
      const parameters = [
        { name: '@version', value: mekVersion },
        { name: '@product', value: product },
      ];
      const spec = { query: where('@version', '@product'), parameters };
      const answer = await container.items.query<number>(spec, abortedBy(signal)).fetchAll();
      return answer.resources[0];
    },
    facts: async (signal) => {
      const [{ resource }, account] = await Promise.all([
        container.read(abortedBy(signal)),
        client.getDatabaseAccount(abortedBy(signal)),
      ]);
      return {
        ...(resource?.partitionKey && { partitionKeyPaths: resource.partitionKey.paths }),
        ...(resource?.defaultTtl !== undefined && { defaultTtl: resource.defaultTtl }),
        ...(account.resource && {
          hasMultipleWriteRegions: account.resource.enableMultipleWritableLocations,
        }),
      };
    },
  };
}

function abortedBy(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** A column holds other characters escaped, as in JSON: drivers end a text at U+0000. */
function columnText(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
