/** What the database says of the DEK store. @module */
import type { DatabaseFacts, DekDatabase } from '../../config/dek-database.js';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import { errorText } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { fail, ok, unseen } from './line.js';

const PARTITION_KEY = '/scopeId';
const CHECKS = ['partition-key', 'ttl', 'write-regions'] as const;

export async function storeChecks(
  { signal }: ModeContext,
  product: OpenProduct,
  mekVersion: string,
): Promise<readonly Finding[]> {
  const database = await product.dekDatabase();
  try {
    const facts = await database.facts(signal);
    if (facts) return [...containerChecks(database, facts), cosmosBackups(database)];
  } catch (error) {
    signal.throwIfAborted();
    const message = `The settings of ${database.describe} cannot be seen: ${errorText(error)}`;
    const action = 'Look at them in the portal, or run this with the right to read them.';
    return [...CHECKS.map((check) => unseen(check, message, { action })), cosmosBackups(database)];
  }
  return withoutFacts(database, mekVersion);
}

function withoutFacts(database: DekDatabase, mekVersion: string): readonly Finding[] {
  const { describe } = database;
  const isObject = database.query(mekVersion) === undefined;
  const container = isObject
    ? unseen('container', `The settings of ${describe} cannot be seen`, {
        action: 'Check that items never expire, and that there is one place of writes.',
      })
    : ok('container', `The ${describe}: SQLite has no expiry, and one writer at a time`);
  const action = 'Check that it is backed up, and for how long: retire-check needs that time.';
  return [container, unseen('backups', `Backups of the ${describe}`, { action })];
}

function containerChecks(
  { describe }: DekDatabase,
  { partitionKeyPaths, defaultTtl, hasMultipleWriteRegions }: DatabaseFacts,
): readonly Finding[] {
  const paths = partitionKeyPaths?.join(', ');
  return [
    paths === PARTITION_KEY
      ? ok('partition-key', `The partition key of the ${describe} is ${PARTITION_KEY}`)
      : fail(
          'partition-key',
          `The partition key of the ${describe} is ${paths ?? 'unknown'}, not ${PARTITION_KEY}`,
          {
            action: 'Make a container with the right one, and copy the items.',
          },
        ),
    ttlCheck(describe, defaultTtl),
    regionCheck(hasMultipleWriteRegions),
  ];
}

function ttlCheck(describe: string, defaultTtl: number | undefined): Finding {
  const check = 'ttl';
  const action =
    'Turn the time to live of the container off: a row that expires is a DEK that is lost.';
  if (defaultTtl === undefined) return ok(check, `Items of the ${describe} do not expire`);
  if (defaultTtl > 0) {
    return fail(check, `Items of the ${describe} expire after ${String(defaultTtl)} s`, { action });
  }
  return fail(check, `Items of the ${describe} may have a time to live of their own`, { action });
}

function regionCheck(hasMultiple: boolean | undefined): Finding {
  const check = 'write-regions';
  if (hasMultiple === undefined) return unseen(check, 'The write regions of the account');
  if (!hasMultiple) return ok(check, 'The account has one write region');
  return fail(check, 'The account has several write regions', {
    action: 'Use an account with one: two regions can each create the DEK of one document.',
  });
}

/** Only the management plane knows it. */
function cosmosBackups({ describe }: DekDatabase): Finding {
  const account = /https:\/\/([^./:]+)/.exec(describe)?.[1] ?? 'ACCOUNT';
  return unseen('backups', `The backup policy of the ${describe}`, {
    action: `Run: az cosmosdb show --name ${account} --resource-group RESOURCE_GROUP --query backupPolicy`,
  });
}
