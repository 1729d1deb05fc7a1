/** Cases about the buffers that a provider uses, and what it prints: K9 and K10. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { DEK_BYTES } from '../dek/dek.js';
import type { SubjectCase, KeyProviderSubject } from './contract-case.js';
import { assertSameBytes } from './key-wrapping-contract.js';

export const KEY_SECRECY_CASES: readonly SubjectCase<KeyProviderSubject>[] = [
  {
    rule: 'K9',
    name: "wrapKey leaves the caller's bytes as they were, and those beside them",
    async check({ provider, mekVersions: [mekVersion = ''] }) {
      const around = randomBytes(3 * DEK_BYTES);
      const before = Buffer.from(around);
      const dek = around.subarray(DEK_BYTES, 2 * DEK_BYTES);
      const wrap = await provider.wrapKey(dek, { mekVersion });
      assertSameBytes(around, before);
      assertSameBytes(await provider.unwrapKey(wrap), before.subarray(DEK_BYTES, 2 * DEK_BYTES));
      assertSameBytes(around, before);
    },
  },
  {
    rule: 'K9',
    name: "zeroing the caller's bytes after wrapKey changes no other bytes",
    async check({ provider, mekVersions: [mekVersion = ''] }) {
      const dek = randomBytes(DEK_BYTES);
      const before = Buffer.from(dek);
      const wrap = await provider.wrapKey(dek, { mekVersion });
      dek.fill(0);
      assertSameBytes(await provider.unwrapKey(wrap), before);
    },
  },
  {
    rule: 'K9',
    name: 'each unwrapKey returns a new buffer that the caller may zero',
    async check({ provider, mekVersions: [mekVersion = ''] }) {
      const dek = randomBytes(DEK_BYTES);
      const wrap = await provider.wrapKey(dek, { mekVersion });
      const [one, other] = [await provider.unwrapKey(wrap), await provider.unwrapKey(wrap)];
      one.fill(0);
      assertSameBytes(other, dek);
      assertSameBytes(await provider.unwrapKey(wrap), dek);
    },
  },
  {
    rule: 'K10',
    name: 'a provider reveals nothing of a key when printed or serialised',
    async check({ provider, mekVersions, secrets = [] }) {
      const dek = randomBytes(DEK_BYTES);
      for (const mekVersion of mekVersions) {
        await provider.unwrapKey(await provider.wrapKey(dek, { mekVersion }));
      }
      assertHides(printed(provider), [dek, ...secrets], 'the provider');
    },
  },
  {
    rule: 'K10',
    name: 'errors reveal nothing of a key',
    async check({ provider, mekVersions: [mekVersion = ''], secrets = [], unknownVersion = '0' }) {
      const dek = randomBytes(DEK_BYTES);
      const wrap = await provider.wrapKey(dek, { mekVersion });
      const errors = [
        await failureOf(provider.wrapKey(dek, { mekVersion: unknownVersion })),
        await failureOf(provider.unwrapKey({ ...wrap, mekVersion: unknownVersion })),
        await failureOf(provider.unwrapKey({ ...wrap, wrappedDek: '' })),
        await failureOf(provider.unwrapKey({ ...wrap, keyProvider: `${wrap.keyProvider}2` })),
      ];
      for (const error of errors) assertHides(printed(error), [dek, ...secrets], 'an error');
    },
  },
];

function printed(value: unknown): string {
  const inspected = inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: null });
  const { message = '', stack = '' } = value instanceof Error ? value : {};
  return [inspected, message, stack, String(value), JSON.stringify(value)].join('\n');
}

function assertHides(text: string, secrets: readonly Uint8Array[], what: string): void {
  assert.ok(!revealsSecret(text, secrets), `${what} reveals a key`);
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => assert.fail('expected a rejection'),
    (error: unknown) => error,
  );
}

const LEAST_BYTES = 12;

/** True where the text holds the first bytes of a secret as hex, base64 or a list of numbers. */
function revealsSecret(text: string, secrets: readonly Uint8Array[]): boolean {
  const dense = text.replaceAll(/\s/g, '');
  return secrets.some((secret) => {
    const start = Buffer.from(secret).subarray(0, LEAST_BYTES);
    const printed = [
      start.toString('hex'),
      start.toString('hex').toUpperCase(),
      start.toString('base64'),
      start.toString('base64url'),
      start.toString('latin1').replaceAll(/\s/g, ''),
      [...start].join(','),
    ];
    return printed.some((each) => dense.includes(each));
  });
}
