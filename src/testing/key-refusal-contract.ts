/** Cases about what a provider refuses: K5 to K8. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { DEK_BYTES } from '../dek/dek.js';
import type { KeyWrap, WrapAlgorithm } from '../format/dek-row.js';
import type { LocalMek } from '../provider/key-provider.js';
import { assertHonoursAbort, assertRejectsWith } from './contract-assertions.js';
import {
  type SubjectCase,
  DEFAULT_UNKNOWN_VERSION,
  type KeyProviderSubject,
} from './contract-case.js';

const PLACES = 12;

/** Names that a careless lookup would find, or that a key service would treat as "the newest". */
const NO_VERSIONS: readonly string[] = ['', 'latest', 'current', '__proto__', 'constructor'];

export const KEY_REFUSAL_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K5',
    name: 'wrapKey refuses an unknown version, including "latest" and the empty one',
    async check(subject) {
      for (const mekVersion of unknownVersions(subject)) {
        const wrapping = subject.provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
        await assertRejectsWith('MEK_VERSION_UNKNOWN', wrapping);
      }
    },
  },
  {
    rule: 'K5',
    name: 'unwrapKey refuses an unknown version, including "latest" and the empty one',
    async check(subject) {
      const wrap = await wrapSome(subject);
      for (const mekVersion of unknownVersions(subject)) {
        const unwrapping = subject.provider.unwrapKey({ ...wrap, mekVersion });
        await assertRejectsWith('MEK_VERSION_UNKNOWN', unwrapping);
      }
    },
  },
  {
    rule: 'K6',
    name: 'a wrap with any bit changed is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      const bytes = Buffer.from(wrap.wrappedDek, 'base64url');
      const step = Math.max(1, Math.floor(bytes.length / PLACES));
      for (let at = 0; at < bytes.length; at += step) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
        await assertRejected(subject, wrap, changed.toString('base64url'));
      }
    },
  },
  {
    rule: 'K6',
    name: 'a truncated, lengthened, empty or replaced wrap is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      const { wrappedDek } = wrap;
      const bytes = Buffer.from(wrappedDek, 'base64url');
      const texts = [
        '',
        bytes.subarray(0, -1).toString('base64url'),
        bytes.subarray(0, bytes.length / 2).toString('base64url'),
        bytes.subarray(1).toString('base64url'),
        Buffer.concat([bytes, bytes.subarray(0, 8)]).toString('base64url'),
        Buffer.alloc(bytes.length).toString('base64url'),
        randomBytes(bytes.length).toString('base64url'),
        randomBytes(DEK_BYTES).toString('base64url'),
      ];
      for (const text of texts) await assertRejected(subject, wrap, text);
    },
  },
  {
    rule: 'K6',
    name: 'a wrap that is not canonical base64url is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      const { wrappedDek } = wrap;
      const texts = [`${wrappedDek}=`, `${wrappedDek}!`, ` ${wrappedDek}`, '!!!!', '\u0000'];
      for (const text of texts) await assertRejected(subject, wrap, text);
    },
  },
  {
    rule: 'K6',
    name: 'a wrap made under one version is rejected under every other',
    async check(subject) {
      const { provider, mekVersions } = subject;
      assert.ok(mekVersions.length > 1, 'the kit needs at least two MEK versions');
      for (const made of mekVersions) {
        const wrap = await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion: made });
        for (const mekVersion of mekVersions.filter((each) => each !== made)) {
          await assertRejectsWith('WRAP_REJECTED', provider.unwrapKey({ ...wrap, mekVersion }));
        }
      }
    },
  },
  {
    rule: 'K7',
    name: 'a wrap of another provider is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      for (const keyProvider of [`${wrap.keyProvider}2`, '', 'https://vault.example']) {
        const unwrapping = subject.provider.unwrapKey({ ...wrap, keyProvider });
        await assertRejectsWith('WRAP_REJECTED', unwrapping);
      }
    },
  },
  {
    rule: 'K7',
    name: 'a wrap of another MEK name is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      const names = [`${wrap.mekName}2`, '', 'https://vault.example/keys/other', '../other'];
      for (const mekName of names) {
        const unwrapping = subject.provider.unwrapKey({ ...wrap, mekName });
        await assertRejectsWith('WRAP_REJECTED', unwrapping);
      }
    },
  },
  {
    rule: 'K7',
    name: 'a wrap of another algorithm is rejected',
    async check(subject) {
      const wrap = await wrapSome(subject);
      const other = wrap.wrapAlgorithm === 'A256KW' ? 'RSA-OAEP-256' : 'A256KW';
      for (const wrapAlgorithm of [other, 'RSA1_5', ''] as WrapAlgorithm[]) {
        const unwrapping = subject.provider.unwrapKey({ ...wrap, wrapAlgorithm });
        await assertRejectsWith('WRAP_REJECTED', unwrapping);
      }
    },
  },
  {
    rule: 'K8',
    name: 'every call rejects with the reason of an aborted signal',
    async check(subject) {
      const { provider, mekVersions } = subject;
      const mekVersion = mekVersions[0] ?? '';
      const wrap = await wrapSome(subject);
      await assertHonoursAbort((signal) => provider.currentVersion({ signal }));
      await assertHonoursAbort((signal) => provider.unwrapKey(wrap, { signal }));
      await assertHonoursAbort((signal) =>
        provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion, signal }),
      );
    },
  },
];

function unknownVersions({ unknownVersion }: KeyProviderSubject): readonly string[] {
  return [unknownVersion ?? DEFAULT_UNKNOWN_VERSION, ...NO_VERSIONS];
}

async function wrapSome({ provider, mekVersions }: KeyProviderSubject): Promise<KeyWrap> {
  return provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion: mekVersions[0] ?? '' });
}

async function assertRejected(
  { provider }: KeyProviderSubject,
  wrap: KeyWrap,
  wrappedDek: string,
): Promise<void> {
  await assertRejectsWith('WRAP_REJECTED', provider.unwrapKey({ ...wrap, wrappedDek }));
}

export const KEY_LOCAL_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K13',
    name: 'localMeks, if present, name configured versions, and weaknesses in words',
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
    name: 'localMeks, if present, stay the same through use',
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
