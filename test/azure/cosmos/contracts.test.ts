import { afterAll, describe, it } from 'vitest';
import { CosmosDekStore, CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import {
  CONTRACT_DOCUMENT_KEY,
  dekStoreContract,
  documentStoreContract,
  type DekStoreSubject,
  type DocumentStoreSubject,
} from '../../../src/testing/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { someOfEachRule } from '../../support/contract-cases.js';

const server = await CosmosServer.start();

afterAll(() => server.stop());

/** A missing permission: what every read meets then. */
function breakReads(): void {
  server.script({ status: 403, substatus: 5300, times: Infinity });
}

async function makeDekSubject(): Promise<DekStoreSubject> {
  const container = await server.container();
  return {
    store: new CosmosDekStore(container),
    reopen: () => {
      const { database } = container;
      return new CosmosDekStore(server.client().database(database.id).container(container.id));
    },
    breakReads,
    dispose: () => {
      server.clearScript();
    },
  };
}

async function makeDocumentSubject(): Promise<DocumentStoreSubject> {
  const [partitionKey] = CONTRACT_DOCUMENT_KEY;
  const container = await server.container({ partitionKeyPath: `/${partitionKey}` });
  return {
    store: new CosmosDocumentStore(container, { partitionKey }),
    breakReads,
    dispose: () => {
      server.clearScript();
    },
  };
}

describe('CosmosDekStore', () => {
  const cases = someOfEachRule(dekStoreContract(makeDekSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});

describe('CosmosDocumentStore', () => {
  const cases = someOfEachRule(documentStoreContract(makeDocumentSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});
