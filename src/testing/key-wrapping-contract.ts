/** Cases about the names of a provider, and that it returns what it wrapped: K1 to K4. @module */
import assert from 'node:assert/strict';
import { DEK_BYTES } from '../dek/dek.js';
import { randomBytes } from 'node:crypto';
import { isMekVersion, isWrappedDek, WRAP_ALGORITHMS, type KeyWrap } from '../format/dek-row.js';
import type { SubjectCase, KeyProviderSubject } from './contract-case.js';

const CALLERS = 20;

export const KEY_WRAPPING_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K1',
    name: 'id, MEK name and algorithm are present, and stay the same through use',
    async check({ provider, mekVersions }) {
      const { id, mekName, wrapAlgorithm } = provider;
      for (const name of [id, mekName]) {
        assert.ok(typeof name === 'string' && name !== '', 'expected a non-empty name');
      }
      assert.ok(WRAP_ALGORITHMS.includes(wrapAlgorithm), 'expected a known wrap algorithm');
      for (const mekVersion of mekVersions) {
        await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
        assert.deepEqual(
          [provider.id, provider.mekName, provider.wrapAlgorithm],
          [id, mekName, wrapAlgorithm],
        );
      }
    },
  },
  {
    rule: 'K2',
    name: 'the current version is exact, and one of the configured versions',
    async check({ provider, mekVersions }) {
      const current = await provider.currentVersion();
      assert.ok(isMekVersion(current), `not a MEK version: ${JSON.stringify(current)}`);
      assert.ok(mekVersions.includes(current), 'the harness names every configured version');
    },
  },
  {
    rule: 'K2',
    name: 'the current version stays the same, however often it is requested',
    async check({ provider, mekVersions }) {
      const current = await provider.currentVersion();
      for (const mekVersion of mekVersions) {
        await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
        assert.equal(await provider.currentVersion(), current);
      }
      const answers = await Promise.all(
        Array.from({ length: CALLERS }, () => provider.currentVersion()),
      );
      assert.deepEqual([...new Set(answers)], [current]);
    },
  },
  {
    rule: 'K3',
    name: 'a wrap names the provider, its MEK and exactly the requested version',
    async check({ provider, mekVersions }) {
      for (const mekVersion of mekVersions) {
        const wrap = await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
        const { wrappedDek, ...names } = wrap;
        assert.deepEqual(names, {
          wrapAlgorithm: provider.wrapAlgorithm,
          keyProvider: provider.id,
          mekName: provider.mekName,
          mekVersion,
        });
        assert.ok(isWrappedDek(wrappedDek, wrap.wrapAlgorithm), 'not canonical base64url');
      }
    },
  },
  {
    rule: 'K3',
    name: 'a wrap is not the DEK itself',
    async check({ provider, mekVersions: [mekVersion = ''] }) {
      const dek = randomBytes(DEK_BYTES);
      const { wrappedDek } = await provider.wrapKey(dek, { mekVersion });
      const isInside = Buffer.from(wrappedDek, 'base64url').includes(dek);
      assert.ok(!isInside, 'the wrap holds the bytes of the DEK');
    },
  },
  {
    rule: 'K4',
    name: 'unwrapKey returns exactly what was wrapped, under every version',
    async check({ provider, mekVersions }) {
      assert.ok(mekVersions.length > 1, 'the kit needs at least two MEK versions');
      for (const mekVersion of mekVersions) {
        for (const dek of [randomBytes(DEK_BYTES), Buffer.alloc(DEK_BYTES), withLeadingZeros()]) {
          const wrap = await provider.wrapKey(dek, { mekVersion });
          assertSameBytes(await provider.unwrapKey(asStored(wrap)), dek);
        }
      }
    },
  },
  {
    rule: 'K4',
    name: 'concurrently wrapped and unwrapped DEKs are not mixed up',
    async check({ provider, mekVersions }) {
      const deks = Array.from({ length: CALLERS }, () => randomBytes(DEK_BYTES));
      const wraps = await Promise.all(
        deks.map((dek, at) =>
          provider.wrapKey(dek, { mekVersion: mekVersions[at % mekVersions.length] ?? '' }),
        ),
      );
      const unwrapped = await Promise.all(wraps.map((wrap) => provider.unwrapKey(wrap)));
      deks.forEach((dek, at) => {
        assertSameBytes(unwrapped[at], dek);
      });
    },
  },
];

/** Compares the bytes without printing them. */
export function assertSameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  const isSame = actual instanceof Uint8Array && Buffer.compare(actual, expected) === 0;
  assert.ok(isSame, 'unwrapKey returned other bytes than were wrapped');
}

function withLeadingZeros(): Buffer {
  return randomBytes(DEK_BYTES).fill(0, 0, DEK_BYTES / 2);
}

/** A wrap as it is read from a row. */
function asStored(wrap: KeyWrap): KeyWrap {
  return JSON.parse(JSON.stringify(wrap)) as KeyWrap;
}
