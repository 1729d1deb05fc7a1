import { afterAll, beforeAll, describe, it } from 'vitest';
import { keyProviderContract, type KeyProviderSubject } from '../../../src/testing/index.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import { akvProvider, MEK_NAME, type AkvOptions } from '../../support/azure/akv-provider.js';
import { perLane } from '../../support/lane.js';
import { someOfEachRule } from '../../support/contract-cases.js';

const SIZES = perLane<readonly (2048 | 3072 | 4096)[]>([2048], [2048, 3072, 4096]);

let server: KeyVaultServer;

beforeAll(async () => {
  server = await KeyVaultServer.start();
});

afterAll(() => server.stop());

interface Setting {
  readonly name: string;
  readonly mekName: string;
  readonly key: Parameters<KeyVaultServer['createKey']>[1];
  readonly options?: AkvOptions;
}

const SETTINGS: readonly Setting[] = [
  ...SIZES.map((size) => ({
    name: `RSA ${String(size)}`,
    mekName: `${MEK_NAME}-${String(size)}`,
    key: { type: 'RSA', size } as const,
  })),
  { name: 'RSA-HSM', mekName: `${MEK_NAME}-hsm`, key: { type: 'RSA-HSM', size: 2048 } },
  {
    name: 'wrapping locally',
    mekName: `${MEK_NAME}-local`,
    key: { type: 'RSA', size: 2048 },
    options: { wrapMode: 'local' },
  },
  {
    name: 'A256KW under an oct-HSM key',
    mekName: `${MEK_NAME}-oct`,
    key: { type: 'oct-HSM' },
    options: { wrapAlgorithm: 'A256KW' },
  },
];

describe.each(SETTINGS)('AkvKeyProvider, $name', ({ mekName, key, options }) => {
  let mekVersions: readonly string[] = [];

  beforeAll(async () => {
    const first = await server.createKey(mekName, key);
    mekVersions = [first, await server.rotateKey(mekName)];
  });

  const makeSubject = (): KeyProviderSubject => ({
    provider: akvProvider(server, { mekName, ...options }),
    mekVersions,
    disturb: (trouble) => {
      server.script({ on: 'unwrapKey', status: trouble === 'outage' ? 503 : 429 });
    },
  });

  const cases = someOfEachRule(keyProviderContract(makeSubject));
  for (const { rule, name, run } of cases) it(`${rule} ${name}`, run);
});
