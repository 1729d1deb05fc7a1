import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KeyWrap } from '../../src/adapters.js';
import { KeyProviderError } from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { RsaKeyProvider } from '../support/rsa-key-provider.js';
import {
  envKeys,
  ofType,
  pull,
  pullUntil,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

/** From now on the process gets errors that a version is disabled. */
async function disable(made: Setup, version: string): Promise<void> {
  const off = new KeyProviderError('MEK_DISABLED', 'That version is disabled');
  made.provider.before = (method, args) => {
    if (method === 'unwrapKey' && (args[0] as KeyWrap).mekVersion === version) throw off;
  };
  await Promise.resolve();
}

interface Overtaken {
  readonly reader: Setup;
  readonly stored: readonly Loose[];
}

/** A reader that gets its rows just before a rotation ends and the old version is disabled. */
async function overtaken(method: string): Promise<Overtaken> {
  const made = setup();
  const stored = await writeNotes(made, 3);
  const reader = withKeys(made, ['b', 'a']);
  reader.store.after = async (called, result) => {
    if (called !== method) return result;
    reader.store.after = (_method, answer) => answer;
    await rewrap(withKeys(made, ['b', 'a']));
    await disable(reader, await versionOf('a'));
    return result;
  };
  return { reader, stored };
}

describe('a process that read its rows before a rotation, and unwraps after it', () => {
  it('reads the row again and opens the document', async () => {
    const { reader, stored } = await overtaken('get');
    expect(await decryptAny(reader.encryptor, stored[0])).toMatchObject({ body: 'of note-0' });
    expect(reader.store.calls).toEqual({ get: 2 });
    expect(reader.provider.calls).toEqual({ unwrapKey: 2 });
  });

  it('does so for each of many', async () => {
    const { reader, stored } = await overtaken('getMany');
    const outcomes = await reader.encryptor.decryptDocuments(note, stored as never[]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(reader.store.calls).toEqual({ getMany: 1, get: 3 });
  });

  it('does so before it seals', async () => {
    const { reader, stored } = await overtaken('listScope');
    const edited = await encryptAny(reader.encryptor, { ...KEY, id: 'note-0', body: 'new' });
    expect(await decryptAny(reader.encryptor, { ...stored[0], ...edited })).toMatchObject({
      body: 'new',
    });
  });
});

describe('a rewrapper that read its page before another one finished', () => {
  it('finds the rows current, though it could not unwrap what it had read', async () => {
    const made = setup();
    await writeNotes(made, 3);
    const slow = withKeys(made, ['b', 'a']);
    const rewrapping = await start(slow);
    await pullUntil(rewrapping, made.clock, 'pass');
    slow.store.after = async (method, result) => {
      if (method !== 'list') return result;
      slow.store.after = (_method, answer) => answer;
      await rewrap(withKeys(made, ['b', 'a']));
      await disable(slow, await versionOf('a'));
      return result;
    };
    const events = await pullUntil(rewrapping, made.clock, 'finished');
    expect(ofType({ events }, 'failed')).toEqual([]);
    expect(events.at(-1)).toMatchObject({ summary: { complete: true, changed: 0, unchanged: 3 } });
  });

  it('does not take a row for its own that the other wrapped in the same millisecond', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const rsa = new RsaKeyProvider({ privateKeyPem, versions: ['v1'] });
    const keyProviders = [envKeys('a'), rsa];
    const target = { keyProvider: rsa.id, mekVersion: 'v1' };
    const operator = setup({ beside: made, keyProviders });
    let theirs = 0;
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      const other = await rewrap(setup({ beside: made, keyProviders }), { target });
      theirs = other.summary.changed;
    };
    const { summary } = await rewrap(operator, { target });
    expect([theirs, summary.changed]).toEqual([1, 0]);
    expect(summary.complete).toBe(true);
  });
});

describe('a process with both keys from the environment', () => {
  it('reads and writes on through a rotation, from before its begin until after its end', async () => {
    const made = setup({ fenceTtlMs: 3_000 });
    const stored = await writeNotes(made, 4);
    const process = withKeys(made, ['b', 'a'], { cache: { maxEntries: 2 } });
    const rewrapping = await start(withKeys(made, ['b', 'a']), { concurrency: 1 });
    const written: Loose[] = [];
    for (let step = 0, done = false; !done; step += 1) {
      const id = `new-${String(step)}`;
      written.push(await encryptAny(process.encryptor, { ...KEY, id, body: `of ${id}` }));
      for (const each of [...stored, ...written.slice(-1)]) {
        expect(await decryptAny(process.encryptor, each)).toMatchObject({
          body: `of ${String(each['id'])}`,
        });
      }
      ({ done = false } = await pull(rewrapping, made.clock));
    }
    expect(written.length).toBeGreaterThan(12);
    const versions = new Set(
      (await rows(made)).map((row) => 'mekVersion' in row && row.mekVersion),
    );
    expect([...versions]).toEqual([await versionOf('b')]);
    const after = withKeys(made, ['b']);
    for (const each of [...stored, ...written]) await decryptAny(after.encryptor, each);
  });
});
