import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFieldEncryptor, EnvKeyProvider, type KeyProvider } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { encryptAny, KEY, MEK_HEX, OTHER_MEK_HEX, setup } from '../support/encryptor.js';
import { failure, failureOf } from '../support/failure.js';

const sound = {
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key: MEK_HEX })],
  dekStore: new MemoryDekStore(),
};
const NO_ID = '"keyProviders[].id" expected a non-empty string, got';

describe('invalid options of an encryptor', () => {
  it.each([
    [{ product: '' }, '"product" expected a non-empty string, got an empty one'],
    [{ product: undefined }, '"product" expected a non-empty string, got undefined'],
    [{ product: 1 }, '"product" expected a non-empty string, got a number'],
    [{ product: 'a\ud800' }, '"product" expected well-formed Unicode, got a lone surrogate'],
    [{ mode: 'lenient' }, '"mode" expected one of "strict", "migrate", got a string'],
    [{ mode: null }, '"mode" expected one of "strict", "migrate", got null'],
    [{ enabled: 'false' }, '"enabled" expected a boolean, got a string'],
    [{ enabled: 0 }, '"enabled" expected a boolean, got a number'],
    [{ fenceTtlMs: '1000' }, '"fenceTtlMs" expected an integer from 1000 to 600000, got a string'],
    [{ keyProviders: undefined }, '"keyProviders" expected an array'],
    [{ keyProviders: new Set() }, '"keyProviders" expected an array'],
    [{ keyProviders: [{ id: '', mekName: 'x' }] }, `${NO_ID} an empty one`],
    [{ keyProviders: [{ mekName: 'x' }] }, `${NO_ID} undefined`],
    [
      { keyProviders: [{ id: 'x' }] },
      '"keyProviders[].mekName" expected a non-empty string, got undefined',
    ],
  ])('are misuse: %j', (options, message) => {
    expect(failureOf(() => createFieldEncryptor({ ...sound, ...options } as never))).toEqual({
      name: 'TypeError',
      message,
    });
  });

  it.each([0, 999, 600_001, 1_000.5, NaN, Infinity, -1])(
    'are out of range: a fence TTL of %d',
    (fenceTtlMs) => {
      expect(failureOf(() => createFieldEncryptor({ ...sound, fenceTtlMs }))).toEqual({
        name: 'RangeError',
        message: `"fenceTtlMs" expected an integer from 1000 to 600000, got ${String(fenceTtlMs)}`,
      });
    },
  );

  it('are refused: two providers that rows could not tell apart', () => {
    const keyProviders = [MEK_HEX, OTHER_MEK_HEX].map((key) => new EnvKeyProvider({ key }));
    expect(failureOf(() => createFieldEncryptor({ ...sound, keyProviders }))).toEqual({
      name: 'RangeError',
      message: '"keyProviders" has two providers with the same id and MEK name',
    });
  });

  it('are no provider at all, once something is to be sealed', async () => {
    const keyProviders: KeyProvider[] = [];
    const encryptor = createFieldEncryptor({ ...sound, keyProviders });
    expect(await failure(encryptAny(encryptor, { ...KEY, body: 'text' }))).toEqual({
      name: 'FieldEncryptionError',
      code: 'KEY_PROVIDER_NOT_CONFIGURED',
      message: 'No key provider is configured: pass one in "keyProviders"',
    });
    expect(await encryptAny(encryptor, KEY)).toEqual(KEY);
  });

  it('do not change the encryptor after it was made', () => {
    const keyProviders = [new EnvKeyProvider({ key: MEK_HEX })];
    const encryptor = createFieldEncryptor({ ...sound, keyProviders });
    keyProviders.push(new EnvKeyProvider({ key: OTHER_MEK_HEX, id: 'late' }));
    expect(encryptor.keyProviders).toHaveLength(1);
  });

  it('are strict, on and of 30 s if nothing is said', async () => {
    const { encryptor, memory } = setup();
    expect(encryptor).toMatchObject({ mode: 'strict', enabled: true, plaintextReads: 0 });
    await encryptAny(encryptor, { ...KEY, body: 'text' });
    const record = await memory.getRotation('notelett');
    expect(record?.value).toMatchObject({ fenceTtlMs: 30_000 });
  });
});

describe('an encryptor that is off in production', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is refused, unless it is said to be meant', () => {
    const off = { ...sound, enabled: false };
    expect(createFieldEncryptor(off).enabled).toBe(false);
    vi.stubEnv('NODE_ENV', 'production');
    const refusal = {
      name: 'RangeError',
      message:
        '"enabled" is false while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
    };
    expect(failureOf(() => createFieldEncryptor(off))).toEqual(refusal);
    const allowed = { ...off, insecureAllowDisabledInProduction: true };
    expect(createFieldEncryptor(allowed).enabled).toBe(false);
    const refused = { ...off, insecureAllowDisabledInProduction: false };
    expect(failureOf(() => createFieldEncryptor(refused))).toEqual(refusal);
    expect(createFieldEncryptor(sound).enabled).toBe(true);
  });

  it('is allowed by true, and by nothing like it', () => {
    const options = { ...sound, enabled: false, insecureAllowDisabledInProduction: 'true' };
    expect(failureOf(() => createFieldEncryptor(options as never))).toEqual({
      name: 'TypeError',
      message: '"insecureAllowDisabledInProduction" expected a boolean, got a string',
    });
  });
});
