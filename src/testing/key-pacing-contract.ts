/** Cases for callers that pace their calls: K11 and K12. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { systemClock } from '../async/clock.js';
import { DEK_BYTES } from '../dek/dek.js';
import { hasCode, isFieldEncryptionError } from '../errors/errors.js';
import { isOpsPerSecond } from '../provider/configured-providers.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { KeyWrap } from '../format/dek-row.js';
import { assertHonoursAbort, assertRejectsWith } from './contract-assertions.js';
import {
  type SubjectCase,
  DEFAULT_UNKNOWN_VERSION,
  type KeyProviderSubject,
} from './contract-case.js';

const OPERATIONS: readonly unknown[] = ['unwrapKey', 'wrapKey'];

export const KEY_PACING_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K11',
    name: 'localCalls, if present, name wrapKey or unwrapKey, and stay the same through use',
    async check({ provider, mekVersions }) {
      const { localCalls } = provider;
      for (const each of localCalls ?? []) {
        assert.ok(OPERATIONS.includes(each), 'expected "wrapKey" or "unwrapKey"');
      }
      await wrapSome(provider, mekVersions);
      assert.deepEqual(provider.localCalls, localCalls);
    },
  },
  {
    rule: 'K11',
    name: 'documentedOpsPerSecond, if present, returns a number above 0, or undefined',
    async check({ provider, mekVersions }) {
      for (const mekVersion of mekVersions) {
        const rate: unknown = await provider.documentedOpsPerSecond?.({ mekVersion });
        assert.ok(rate === undefined || isOpsPerSecond(rate), 'expected a number above 0');
      }
    },
  },
  {
    rule: 'K11',
    name: 'documentedOpsPerSecond, if present, returns undefined for an unknown version',
    async check({ provider, unknownVersion: mekVersion = DEFAULT_UNKNOWN_VERSION }) {
      assert.equal(await provider.documentedOpsPerSecond?.({ mekVersion }), undefined);
    },
  },
  {
    rule: 'K11',
    name: 'documentedOpsPerSecond, if present, rejects with the reason of an aborted signal',
    async check({ provider, mekVersions: [mekVersion = ''] }) {
      if (!provider.documentedOpsPerSecond) return;
      await assertHonoursAbort(async (signal) =>
        provider.documentedOpsPerSecond?.({ mekVersion, signal }),
      );
    },
  },
  {
    rule: 'K12',
    name: 'a throttled call with beforeRetry is rejected at once, and not retried',
    async check({ provider, mekVersions, disturb }) {
      if (!disturb) return;
      const wrap = await wrapSome(provider, mekVersions);
      await disturb('throttling');
      let retries = 0;
      const beforeRetry = (): Promise<void> => {
        retries += 1;
        return Promise.resolve();
      };
      await assertRejectsWith('KEY_PROVIDER_THROTTLED', provider.unwrapKey(wrap, { beforeRetry }));
      assert.equal(retries, 0, 'the provider called beforeRetry');
    },
  },
  {
    rule: 'K12',
    name: 'a retry awaits beforeRetry first',
    async check({ provider, mekVersions, disturb }) {
      if (!disturb) return;
      const wrap = await wrapSome(provider, mekVersions);
      await disturb('outage');
      const progress = { hasWaited: false };
      const beforeRetry = async (): Promise<void> => {
        await systemClock.sleep(0);
        progress.hasWaited = true;
      };
      const isSettled = await succeeds(provider.unwrapKey(wrap, { beforeRetry }));
      assert.equal(progress.hasWaited, isSettled, 'the provider retried without waiting');
    },
  },
  {
    rule: 'K12',
    name: 'a call rejects with the rejection of beforeRetry',
    async check({ provider, mekVersions, disturb }) {
      if (!disturb) return;
      const wrap = await wrapSome(provider, mekVersions);
      await disturb('outage');
      const reason = new Error('the caller gives up');
      let isAsked = false;
      const beforeRetry = (): Promise<void> => {
        isAsked = true;
        return Promise.reject(reason);
      };
      await assert.rejects(provider.unwrapKey(wrap, { beforeRetry }), (error) => {
        assert.equal(error === reason, isAsked, 'expected the rejection of beforeRetry');
        return true;
      });
    },
  },
];

/** Whether the call succeeded after an outage; any other failure fails the case. */
async function succeeds(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    const isOutage = isFieldEncryptionError(error) && error.retryable;
    assert.ok(isOutage && !hasCode(error, 'KEY_PROVIDER_THROTTLED'), 'expected an outage');
    return false;
  }
}

function wrapSome(provider: KeyProvider, [mekVersion = '']: readonly string[]): Promise<KeyWrap> {
  return provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
}
