import { afterAll, describe, it } from 'vitest';
import { CosmosDekStore, CosmosDocumentStore } from '../../src/azure/cosmos/index.js';
import {
  CONTRACT_DOCUMENT_KEY,
  type ContractCase,
  dekStoreContract,
  documentStoreContract,
  type DekStoreSubject,
  type DocumentStoreSubject,
} from '../../src/testing/index.js';
import { joinLiveRun } from './live-run.js';
import { notedDekStore, notedDocumentStore } from './noted.js';
import type { TestContainer } from './test-container.js';

const { azure, ledger } = joinLiveRun();
const { deks, documents, agent } = azure.cosmos();
const other = azure.cosmos();

afterAll(() => {
  azure.close();
});

/** For the next case; containers are shared, for on an account each takes seconds and costs money. */
async function empty(target: TestContainer): Promise<void> {
  agent.mend();
  const { others } = await target.sweep(ledger);
  if (others > 0) throw new Error(`Another process writes into ${target.name}`);
}

function makeDekSubject(): DekStoreSubject {
  return {
    store: notedDekStore(new CosmosDekStore(deks.container), ledger, deks.id),
    reopen: () => notedDekStore(new CosmosDekStore(other.deks.container), ledger, deks.id),
    breakReads: () => {
      agent.break();
    },
    dispose: () => empty(deks),
  };
}

function makeDocumentSubject(): DocumentStoreSubject {
  const [partitionKey] = CONTRACT_DOCUMENT_KEY;
  const store = new CosmosDocumentStore(documents.container, { partitionKey });
  return {
    store: notedDocumentStore(store, ledger, documents.id),
    breakReads: () => {
      agent.break();
    },
    dispose: () => empty(documents),
  };
}

/** On an account all. The tests of the adapter run all on an emulator: there one of each rule is enough here. */
function casesHere(cases: readonly ContractCase[]): readonly ContractCase[] {
  if (process.env['FIELD_ENCRYPT_TEST_ALLOW_LOOPBACK'] !== '1') return cases;
  return cases.filter(({ rule }, at) => cases.findIndex((each) => each.rule === rule) === at);
}

describe('CosmosDekStore', () => {
  const cases = casesHere(dekStoreContract(makeDekSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});

describe('CosmosDocumentStore', () => {
  const cases = casesHere(documentStoreContract(makeDocumentSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});
