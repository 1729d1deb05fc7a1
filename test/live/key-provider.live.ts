import { afterAll, describe, it } from 'vitest';
import { keyProviderContract } from '../../src/testing/index.js';
import { joinLiveRun } from './live-run.js';

const { azure, older, newest } = joinLiveRun();

afterAll(() => {
  azure.close();
});

describe.each(['vault', 'local'] as const)('AkvKeyProvider, wrapMode "%s"', (wrapMode) => {
  const makeSubject = () => ({
    provider: azure.keyProvider({ wrapMode }),
    mekVersions: [newest, older],
  });

  for (const { rule, name, run } of keyProviderContract(makeSubject)) it(`${rule} ${name}`, run);
});
