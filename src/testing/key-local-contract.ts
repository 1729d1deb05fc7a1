/** Cases about what a provider says of MEKs that lie in the process: K13. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { DEK_BYTES } from '../dek/dek.js';
import type { LocalMek } from '../provider/key-provider.js';
import type { SubjectCase } from './contract-case.js';
import type { KeyProviderSubject } from './key-provider-subject.js';

export const KEY_LOCAL_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K13',
    name: 'localMeks, where there are any, name versions that are configured, and weaknesses in words',
    check({ provider, mekVersions }) {
      for (const { mekVersion, weakness } of localMeksOf(provider)) {
        assert.ok(mekVersions.includes(mekVersion), 'expected a configured version');
        const isText = typeof weakness === 'string' && weakness !== '';
        assert.ok(weakness === undefined || isText, 'expected words, or no weakness');
      }
      return Promise.resolve();
    },
  },
  {
    rule: 'K13',
    name: 'localMeks, where there are any, stay the same through use',
    async check({ provider, mekVersions }) {
      const before = structuredClone(localMeksOf(provider));
      for (const mekVersion of mekVersions) {
        await provider.unwrapKey(await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion }));
      }
      assert.deepEqual(localMeksOf(provider), before);
    },
  },
];

function localMeksOf({ localMeks = [] }: KeyProviderSubject['provider']): readonly LocalMek[] {
  const given: unknown = localMeks;
  assert.ok(Array.isArray(given), 'expected a list');
  return localMeks;
}
