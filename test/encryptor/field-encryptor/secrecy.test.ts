import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EnvKeyProvider } from '../../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  note,
  OTHER_MEK_HEX,
  setup,
} from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { RECORD_KEY } from '../../support/records.js';

const PLAINTEXT = 'plaintext that must stay a secret';

/** What a DEK is, caught on its way to the provider. */
async function caught(): Promise<{ made: ReturnType<typeof setup>; secrets: readonly Buffer[] }> {
  const made = setup({ recordKey: RECORD_KEY });
  const keys = [MEK_HEX, RECORD_KEY].map((key) => Buffer.from(key, 'hex'));
  const secrets = [...keys, Buffer.from(PLAINTEXT)];
  made.provider.before = (method, [bytes]) => {
    if (method === 'wrapKey') secrets.push(Buffer.from(bytes as Uint8Array));
  };
  await encryptAny(made.encryptor, { ...KEY, body: PLAINTEXT });
  expect(secrets).toHaveLength(4);
  return { made, secrets };
}

function expectNothingOf(secrets: readonly Buffer[], shown: string): void {
  expect(shown.length).toBeGreaterThan(0);
  for (const secret of secrets) {
    const listed = [...secret.subarray(0, 6)].join(', ');
    const spellings = (['hex', 'base64', 'base64url'] as const).map((encoding) =>
      secret.toString(encoding).slice(0, 12),
    );
    const spaced = secret.toString('hex').slice(0, 16).replace(/../g, '$& ').trim();
    for (const each of [...spellings, listed, spaced, PLAINTEXT]) expect(shown).not.toContain(each);
  }
}

function print(value: unknown): string {
  const shown = inspect(value, { depth: Infinity, showHidden: true, getters: true });
  let json = '';
  try {
    json = JSON.stringify(value);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
  }
  return `${shown}\n${json}\n${String(value)}`;
}

describe('nothing of a key or of plaintext', () => {
  it('shows when an encryptor, its parts or an open document is printed', async () => {
    const { made, secrets } = await caught();
    const open = await made.encryptor.openDocument(note, KEY);
    const parts = [made.encryptor, made.dekCache, made.memory, note, open];
    for (const part of parts) expectNothingOf(secrets, print(part));
    expectNothingOf(secrets, print(await made.encryptor.checkReadiness()));
    expectNothingOf(secrets, print(await contentsOf(made.memory)));
  });

  it('is in an error, its cause or its stack', async () => {
    const { made, secrets } = await caught();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: PLAINTEXT });
    // A text with a lone surrogate is sealed in another form than others.
    const torn = `${PLAINTEXT}\ud800`;
    const tornStored = await encryptAny(made.encryptor, { ...KEY, body: torn });
    const cut = { ...(stored['body'] as object), ct: 'AAAA' };
    const foreign = setup({
      beside: made,
      keyProviders: [new EnvKeyProvider({ key: OTHER_MEK_HEX })],
      recordKey: RECORD_KEY,
    });
    const forged = setup({ beside: made, recordKey: OTHER_MEK_HEX });
    const strange = setup({ beside: made, recordKey: RECORD_KEY });
    strange.store.after = (_method, result) => {
      const item = result as { value: object };
      return { ...item, value: { ...item.value, [PLAINTEXT.slice(0, 4)]: 1 } };
    };
    const works = [
      () => decryptAny(made.encryptor, { ...KEY, body: PLAINTEXT }),
      () => decryptAny(made.encryptor, { ...KEY, body: cut }),
      () => decryptAny(made.encryptor, { ...KEY, meta: PLAINTEXT }),
      () => decryptAny(foreign.encryptor, stored),
      () => decryptAny(forged.encryptor, stored),
      () => decryptAny(strange.encryptor, stored),
      () => encryptAny(made.encryptor, { ...KEY, meta: PLAINTEXT }),
      () => encryptAny(made.encryptor, { ...KEY, tags: PLAINTEXT }),
      () => encryptAny(made.encryptor, { ...KEY, body: [PLAINTEXT, NaN] }),
      () => encryptAny(made.encryptor, { ...KEY, body: [torn, NaN] }),
      () => encryptAny(made.encryptor, { ...KEY, body: { [torn]: NaN } }),
      () => encryptAny(made.encryptor, { ...KEY, body: { [PLAINTEXT]: { _enc: PLAINTEXT } } }),
      () => encryptAny(made.encryptor, { ...KEY, id: torn, body: PLAINTEXT }),
      () => decryptAny(made.encryptor, { ...KEY, body: torn }),
      () => decryptAny(made.encryptor, { ...KEY, title: tornStored['body'] }),
      () => encryptAny(made.encryptor, { ...KEY, body: { _enc: PLAINTEXT } }),
      () => encryptAny(made.encryptor, { ...stored, id: 'moved' }),
    ];
    for (const work of works) expectNothingOf(secrets, print(await rejection(work())));
  });

  it('stays in the buffer that a provider was lent, or gave', async () => {
    const made = setup();
    const buffers: Uint8Array[] = [];
    made.provider.before = (method, [bytes]) =>
      method === 'wrapKey' ? buffers.push(bytes as Uint8Array) : 0;
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const reader = setup({ beside: made });
    reader.provider.after = (method, result) => {
      if (method === 'unwrapKey') buffers.push(result as Uint8Array);
      return result;
    };
    await decryptAny(reader.encryptor, stored);
    expect(buffers).toHaveLength(2);
    for (const bytes of buffers) expect([...bytes]).toEqual(Array(32).fill(0));
  });
});
