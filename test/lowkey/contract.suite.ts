import { beforeAll, describe, expect, it } from 'vitest';
import { keyProviderContract, type KeyProviderSubject } from '../../src/testing/index.js';
import { createMek, rotateMek, vaultProvider } from './lowkey-vault.js';

interface Deviation {
  readonly name: string;
  readonly reason: string;
  /** How the case fails for that reason, and for no other. */
  readonly failure: string;
}

const ANSWERS_500 = {
  reason: 'Lowkey Vault answers 500 where Key Vault answers 400, as if it were out of order',
  failure: 'expected the code WRAP_REJECTED, got KeyProviderError KEY_PROVIDER_UNAVAILABLE',
} as const;

/** Cases that no provider can pass on Lowkey Vault. That nothing is unwrapped holds in all. */
const DEVIATIONS: readonly Deviation[] = [
  { name: 'a wrap with any bit changed is rejected', ...ANSWERS_500 },
  { name: 'a truncated, lengthened, empty or replaced wrap is rejected', ...ANSWERS_500 },
  { name: 'a wrap made under one version is rejected under every other', ...ANSWERS_500 },
];

describe.each(['vault', 'local'] as const)(
  'AkvKeyProvider on Lowkey Vault, wrapMode %s',
  (wrapMode) => {
    const mekName = `contract-${wrapMode}`;
    let mekVersions: readonly string[] = [];

    beforeAll(async () => {
      const first = await createMek(mekName);
      mekVersions = [first, await rotateMek(mekName)];
    });

    const makeSubject = (): KeyProviderSubject => ({
      provider: vaultProvider({ mekName, wrapMode }),
      mekVersions,
    });
    const cases = keyProviderContract(makeSubject);

    for (const { rule, name, run } of cases) {
      const deviation = DEVIATIONS.find((each) => each.name === name);
      if (!deviation) {
        it(`${rule} ${name}`, run);
        continue;
      }
      it(`${rule} does not hold: ${name} (${deviation.reason})`, async () => {
        await expect(run()).rejects.toThrow(deviation.failure);
      });
    }

    it('deviates in cases of the contract alone', () => {
      const names = cases.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(DEVIATIONS.map(({ name }) => name)));
    });
  },
);
