/** Maps failures of Cosmos DB to errors of a store: what, where, and what to do. @module */
import type { Container } from '@azure/cosmos';
import { StoreError } from '../../errors/errors.js';
import { CosmosFailure } from './cosmos-failure.js';

const ROLE = 'Cosmos DB Built-in Data Contributor';
const ARTICLE = 'the ';

/** How to create a missing container. */
export interface ContainerRemedy {
  readonly container: Container;
  /** Ends the sentence "Cosmos DB has no container …: ". */
  readonly remedy: string;
}

/** The error for a request that failed permanently, or too often; any other error as it is. */
export function storeErrorOf(failure: unknown, { container, remedy }: ContainerRemedy): unknown {
  if (!(failure instanceof CosmosFailure)) return failure;
  const where = nameOf(container);
  if (failure.status === 429) {
    const advice = 'raise its throughput or send fewer requests at a time, then try again';
    return unavailable(`Cosmos DB throttled requests to ${where}: ${advice}`, failure);
  }
  if (failure.isBehind) {
    return unavailable(`No replica of ${where} is up to date: try again`, failure);
  }
  if (failure.isPassing) {
    return unavailable(
      `Cosmos DB did not serve ${where} (${reasonOf(failure)}): try again`,
      failure,
    );
  }
  return failed(describe(failure, where, remedy), failure);
}

function describe(failure: CosmosFailure, where: string, remedy: string): string {
  if (failure.isWithoutToken) {
    return `There is no token for ${where} (${failure.code}): check the credential of the CosmosClient`;
  }
  const said = `(${reasonOf(failure)})`;
  switch (failure.status) {
    case 401:
    case 403:
      return `Cosmos DB denies access to ${where} ${said}: give this identity the role "${ROLE}" on it, and allow this address in the account's firewall`;
    case 404:
      return `Cosmos DB has no ${where.slice(ARTICLE.length)}: ${remedy}`;
    case 413:
      return `The item for ${where} is larger than the 2 MB that Cosmos DB accepts: store less in it`;
    default:
      return `Cosmos DB refused a request to ${where} ${said}: contact its support with the activity id in the cause`;
  }
}

export function failed(message: string, cause?: CosmosFailure): StoreError {
  return new StoreError('STORE_FAILED', message, cause === undefined ? {} : { cause });
}

export function unavailable(message: string, cause: unknown): StoreError {
  return new StoreError('STORE_UNAVAILABLE', message, { cause });
}

/** The error for a write whose outcome is unknown. */
export function unconfirmed(what: string, container: Container, cause: unknown): StoreError {
  return unavailable(
    `Cosmos DB did not confirm a write to ${nameOf(container)}: ${what} may or may not have been written; try again`,
    cause,
  );
}

export function nameOf({ id, database }: Container): string {
  return `${ARTICLE}container "${id}" in the database "${database.id}"`;
}

export function reasonOf({ status, substatus, code }: CosmosFailure): string {
  if (status === 0) return code;
  return substatus === 0 ? String(status) : `${String(status)}/${String(substatus)}`;
}
