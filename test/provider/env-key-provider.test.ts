import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { KeyWrap } from '../../src/adapters.js';
import { EnvKeyProvider } from '../../src/index.js';
import { MEK_HEX, MEK_VERSION, OTHER_MEK_HEX } from '../support/encryptor.js';
import { failure, failureOf, rejection } from '../support/failure.js';

const BYTES = Buffer.from(MEK_HEX, 'hex');
const BASE64 = BYTES.toString('base64');
const OTHER_VERSION = 'env-c87645eed57bef29';
const DEK = Buffer.alloc(32, 7);

const SPELLING = 'must be 32 bytes as base64, base64url or hex';

describe('a key', () => {
  it.each([
    ['base64', BASE64],
    ['base64 without padding', BASE64.replace('=', '')],
    ['base64url', BYTES.toString('base64url')],
    ['hex', MEK_HEX],
    ['hex in capitals', MEK_HEX.toUpperCase()],
    ['hex in mixed case', MEK_HEX.slice(0, 32) + MEK_HEX.slice(32).toUpperCase()],
  ])('is taken as %s, and has one version however it is written', async (name, key) => {
    // Without + and /, base64 without padding is base64url; with them it is neither.
    if (name === 'base64 without padding' && /[+/]/.test(key)) {
      expect(failureOf(() => new EnvKeyProvider({ key })).message).toBe(`"key" ${SPELLING}`);
      return;
    }
    expect(await new EnvKeyProvider({ key }).currentVersion()).toBe(MEK_VERSION);
  });

  it.each([
    ['is empty', '', 'is empty'],
    ['has a line feed at its end', `${BASE64}\n`, 'has white space around it'],
    ['has a space in front', ` ${MEK_HEX}`, 'has white space around it'],
    ['has a space within', `${BASE64.slice(0, 9)} ${BASE64.slice(9)}`, SPELLING],
    ['has 31 bytes', BYTES.subarray(1).toString('base64'), SPELLING],
    ['has 33 bytes', Buffer.concat([BYTES, DEK.subarray(0, 1)]).toString('base64'), SPELLING],
    ['has 16 bytes', BYTES.subarray(16).toString('hex'), SPELLING],
    ['has 64 bytes', Buffer.concat([BYTES, BYTES]).toString('hex'), SPELLING],
    ['has an odd number of hex digits', MEK_HEX.slice(1), SPELLING],
    ['has a letter that is no hex', `${MEK_HEX.slice(1)}g`, SPELLING],
    ['has too much padding', `${BASE64}=`, SPELLING],
    ['has bits set that decoders ignore', BASE64.replace(/0=$/, '1='), SPELLING],
    ['mixes both alphabets', '-/'.repeat(21) + 'A', SPELLING],
    ['is in quotes', `"${BASE64}"`, SPELLING],
    ['is a pass phrase', 'correct horse battery staple', SPELLING],
  ])('that %s is refused, and is not shown', (_what, key, problem) => {
    expect(failureOf(() => new EnvKeyProvider({ key }))).toEqual({
      name: 'RangeError',
      message: `"key" ${problem}`,
    });
    expect(
      failureOf(() => new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX, key] })),
    ).toEqual({
      name: 'RangeError',
      message: `"previousKeys[1]" ${problem}`,
    });
  });

  it.each([undefined, null, 1, BYTES, [MEK_HEX]])('that is no string is refused: %s', (key) => {
    expect(failureOf(() => new EnvKeyProvider({ key: key as never }))).toEqual({
      name: 'TypeError',
      message: '"key" expected a string',
    });
  });

  it('that is given twice is refused, however it is written', () => {
    const refusal = { name: 'RangeError', message: 'A key is given twice' };
    for (const previousKeys of [[BASE64], [OTHER_MEK_HEX, OTHER_MEK_HEX.toUpperCase()]]) {
      expect(failureOf(() => new EnvKeyProvider({ key: MEK_HEX, previousKeys }))).toEqual(refusal);
    }
  });
});

describe('the id', () => {
  it('is "env" if nothing is said', () => {
    const provider = new EnvKeyProvider({ key: MEK_HEX });
    expect(provider).toMatchObject({ id: 'env', mekName: 'env', wrapAlgorithm: 'A256KW' });
    expect(new EnvKeyProvider({ key: MEK_HEX, id: 'local' }).id).toBe('local');
  });

  it.each([
    ['', '"id" expected a non-empty string, got an empty one'],
    [null, '"id" expected a non-empty string, got null'],
    ['\ud800', '"id" expected well-formed Unicode, got a lone surrogate'],
  ])('is refused as %j', (id, message) => {
    expect(failureOf(() => new EnvKeyProvider({ key: MEK_HEX, id: id as never }))).toEqual({
      name: 'TypeError',
      message,
    });
  });
});

describe('wraps', () => {
  const provider = new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX] });
  const UNKNOWN = {
    name: 'KeyProviderError',
    code: 'MEK_VERSION_UNKNOWN',
    message:
      'The key provider "env" has no MEK version "env-0000000000000000": add that key to FIELD_ENCRYPT_PREVIOUS_KEYS',
  };

  function wrap(mekVersion = MEK_VERSION): Promise<KeyWrap> {
    return provider.wrapKey(DEK, { mekVersion });
  }

  it.each([MEK_VERSION, OTHER_VERSION])('round-trip under version %s', async (mekVersion) => {
    const wrapped = await wrap(mekVersion);
    expect(wrapped).toMatchObject({
      keyProvider: 'env',
      mekName: 'env',
      mekVersion,
      wrapAlgorithm: 'A256KW',
    });
    expect(Buffer.from(wrapped.wrappedDek, 'base64url')).toHaveLength(40);
    expect(DEK.equals(await provider.unwrapKey(wrapped))).toBe(true);
  });

  it("are the current version's only when that is asked for", async () => {
    expect(await provider.currentVersion()).toBe(MEK_VERSION);
    expect((await wrap(OTHER_VERSION)).wrappedDek).not.toBe((await wrap()).wrappedDek);
  });

  it('need a version that is configured, both ways', async () => {
    const mekVersion = 'env-0000000000000000';
    expect(await failure(wrap(mekVersion))).toEqual(UNKNOWN);
    expect(await failure(provider.unwrapKey({ ...(await wrap()), mekVersion }))).toEqual(UNKNOWN);
    const named = { ...(await wrap()), mekVersion: '__proto__' };
    expect(await failure(provider.unwrapKey(named))).toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });
  });

  it("that are not this provider's, or were changed, are rejected", async () => {
    const sound = await wrap();
    const { wrappedDek } = sound;
    const changes: readonly Partial<KeyWrap>[] = [
      { keyProvider: 'akv' },
      { mekName: 'other' },
      { wrapAlgorithm: 'RSA-OAEP-256' },
      { mekVersion: OTHER_VERSION },
      { wrappedDek: '' },
      { wrappedDek: wrappedDek.slice(0, -1) },
      { wrappedDek: wrappedDek.slice(0, -2) },
      { wrappedDek: `${wrappedDek}A` },
      { wrappedDek: `${wrappedDek}=` },
      { wrappedDek: `${wrappedDek} ` },
      {
        wrappedDek:
          `A${wrappedDek.slice(1)}` === wrappedDek
            ? `B${wrappedDek.slice(1)}`
            : `A${wrappedDek.slice(1)}`,
      },
      { wrappedDek: Buffer.alloc(40).toString('base64url') },
      { wrappedDek: Buffer.alloc(24).toString('base64url') },
      { wrappedDek: Buffer.alloc(8, 0xa6).toString('base64url') },
    ];
    for (const change of changes) {
      const changed = { ...sound, ...change };
      expect(await failure(provider.unwrapKey(changed))).toEqual({
        name: 'KeyProviderError',
        code: 'WRAP_REJECTED',
        message: `The MEK ${changed.keyProvider}/${changed.mekName}/${changed.mekVersion} did not make this wrap, or the wrap was changed`,
      });
    }
  });

  it('stop with the reason of a signal that has aborted', async () => {
    const reason = new Error('gone');
    const signal = AbortSignal.abort(reason);
    const sound = await wrap();
    expect(await rejection(provider.currentVersion({ signal }))).toBe(reason);
    expect(await rejection(provider.wrapKey(DEK, { mekVersion: MEK_VERSION, signal }))).toBe(
      reason,
    );
    expect(await rejection(provider.unwrapKey(sound, { signal }))).toBe(reason);
  });

  it("leave the caller's bytes as they were", async () => {
    const bytes = Buffer.from(DEK);
    await provider.wrapKey(bytes, { mekVersion: MEK_VERSION });
    expect(bytes.equals(DEK)).toBe(true);
  });
});

describe('printing a provider', () => {
  it('shows nothing of its keys', () => {
    const provider = new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX] });
    const shown = [
      inspect(provider, { depth: Infinity, showHidden: true }),
      JSON.stringify(provider),
    ].join('\n');
    for (const hex of [MEK_HEX, OTHER_MEK_HEX]) {
      const bytes = Buffer.from(hex, 'hex');
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        expect(shown).not.toContain(bytes.toString(encoding).slice(0, 12));
      }
    }
    expect(JSON.parse(JSON.stringify(provider))).toEqual({
      id: 'env',
      localCalls: ['wrapKey', 'unwrapKey'],
      localMeks: [{ mekVersion: MEK_VERSION }, { mekVersion: OTHER_VERSION }],
      mekName: 'env',
      wrapAlgorithm: 'A256KW',
    });
  });
});
