/** The watch over everything that a test file lets out: what it hears, knows and finds. @module */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { DekRow, KeyWrap } from '../../src/adapters.js';
import { diagnosticsChannels, KeyProviderError, StoreError } from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  MEK_HEX,
  setup,
  type Setup,
} from '../support/encryptor.js';
import { rejection, thrownBy } from '../support/failure.js';
import { rewrap, withKeys, writeNotes } from '../support/rotations.js';
import { CHANNELS, secretWatch } from '../support/secrets/secret-watch.js';
import { isSlow } from '../support/lane.js';

const PLAINTEXT = 'a canary that sings of what is sealed';
const ROOT = join(import.meta.dirname, '../..');

const { secrets, emitted } = secretWatch;

afterEach(() => {
  secretWatch.requireNoFindings();
});

/** Publishes what no channel may carry, and gives what is found of it. */
function findingsOf(message: unknown, name: string = CHANNELS[0] ?? ''): string[] {
  expect(secretWatch.findings()).toEqual([]);
  channel(name).publish(message);
  return secretWatch.findings();
}

/** An encryptor with a stored note, and the DEK that its provider was lent. */
async function written(): Promise<{ made: Setup; dek: Buffer; stored: Record<string, unknown> }> {
  const made = setup();
  let dek = Buffer.alloc(0);
  made.provider.before = (method, [bytes]) => {
    if (method === 'wrapKey') dek = Buffer.from(bytes as Uint8Array);
  };
  const stored = await encryptAny(made.encryptor, { ...KEY, body: PLAINTEXT });
  return { made, dek, stored };
}

describe('the watch', () => {
  it('hears every channel', () => {
    const { count } = emitted;
    for (const name of CHANNELS) channel(name).publish({ said: `on ${name}` });
    expect(emitted.count - count).toBe(CHANNELS.length);
    expect(CHANNELS).toHaveLength(3 * 5 + 8);
    expect([...emitted.texts.keys()]).toEqual(
      expect.arrayContaining(CHANNELS.map((name) => `on ${name}`)),
    );
  });

  it('finds a key on every channel, however it is written', async () => {
    const { dek } = await written();
    for (const name of CHANNELS) {
      expect(findingsOf({ note: dek.toString('hex') }, name)).toEqual([
        `a key or a text on ${name}`,
      ]);
    }
    const spaced = dek.toString('hex').replaceAll(/../g, '$& ');
    const spellings = [
      ...(['hex', 'base64', 'base64url'] as const).map((encoding) => dek.toString(encoding)),
      dek.toString('hex').toUpperCase(),
      spaced,
      `<Buffer ${spaced}>`,
      `[ ${[...dek].join(', ')} ]`,
      JSON.stringify(dek),
      `{"note":{"deep":"x${dek.toString('base64')}x"}}`,
    ];
    for (const each of spellings) expect(findingsOf({ each }), each).toHaveLength(1);
    expect(findingsOf({ deep: [{ note: { [dek.toString('hex')]: 1 } }] })).toHaveLength(1);
  });

  it('finds plaintext, ciphertext, wraps, MEKs and tokens', async () => {
    const { made, stored } = await written();
    const row = (await made.memory.get(envelopeAt(stored, 'body').dekId))?.value as KeyWrap;
    const token = `eyJhbGciOiJFUzI1NiJ9.${randomBytes(24).toString('base64url')}.${'a'.repeat(12)}`;
    const leaks = [
      `The value "${PLAINTEXT}" is refused`,
      envelopeAt(stored, 'body').ct.slice(16),
      row.wrappedDek,
      MEK_HEX,
      Buffer.from(MEK_HEX, 'hex').toString('base64'),
      `authorization: Bearer ${token}`,
      'secret-of-0badc0de',
      '-----BEGIN RSA PRIVATE KEY-----',
    ];
    for (const each of leaks) expect(findingsOf({ each }), each).toHaveLength(1);
    expect(findingsOf({ each: 'nothing of the kind, and no more' })).toEqual([]);
  });

  it('finds whatever is no plain data', async () => {
    const { dek } = await written();
    const made = setup();
    const odd = [dek, new Error('x'), made.dekCache, () => dek, Symbol('x'), new Map(), [...dek]];
    for (const each of odd) expect(findingsOf({ each })).toHaveLength(1);
    expect(findingsOf({ error: undefined, list: [1, 2, null, 'x'], at: { ok: true } })).toEqual([]);
  });

  it('finds secrets in errors and events', async () => {
    const { dek } = await written();
    const quoting = new StoreError('STORE_FAILED', 'Failed', { cause: new Map([['sent', dek]]) });
    thrownBy(() => {
      throw quoting;
    });
    expect(secretWatch.findings()).toEqual(['a key or a text on an error']);
    emitted.addValue('an event', { error: new Error(`Sent ${dek.toString('base64')}`) });
    expect(secretWatch.findings()).toEqual(['a key or a text on an event']);
  });

  it.runIf(isSlow)('fails a test file that let one out', async () => {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const config = join(import.meta.dirname, 'poisoned.config.ts');
    const run = promisify(execFile)(process.execPath, [vitest, 'run', '--config', config], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1' },
    });
    const { stdout, stderr } = (await rejection(run)) as Record<'stderr' | 'stdout', string>;
    const where = [diagnosticsChannels.cache, 'output'].map((each) => `a key or a text on ${each}`);
    expect(stderr).toContain(`Error: A secret was let out: ${where.join('; ')}\n`);
    expect(stdout).toContain('Tests  1 passed (1)');
    expect(stdout).toContain('Test Files  1 failed (1)');
  });
});

describe('adapters that quote all that they were sent', () => {
  /** Errors with a secret in message, property and cause. */
  function quoting(bytes: Uint8Array): KeyProviderError {
    const text = Buffer.from(bytes).toString('base64');
    const cause = Object.assign(new Error(`body: ${text}`), { request: { body: bytes } });
    return new KeyProviderError('KEY_PROVIDER_FAILED', `Sent ${text}`, { cause });
  }

  it('get nothing of it onto a channel', async () => {
    const { made, stored, dek } = await written();
    const { count } = emitted;
    const reader = withKeys(made, ['a']);
    reader.provider.after = (method) => {
      if (method === 'unwrapKey') throw quoting(dek);
    };
    const writer = withKeys(made, ['a']);
    writer.provider.before = (method, [bytes]) => {
      if (method === 'wrapKey') throw quoting(bytes as Uint8Array);
    };
    const storing = withKeys(made, ['a']);
    storing.store.before = (method, [row]) => {
      if (method !== 'create') return;
      throw Object.assign(new Error(JSON.stringify(row)), { row });
    };
    const works = [
      () => decryptAny(reader.encryptor, stored),
      () => encryptAny(writer.encryptor, { ...KEY, id: 'other', body: PLAINTEXT }),
      () => encryptAny(storing.encryptor, { ...KEY, id: 'other', body: PLAINTEXT }),
    ];
    for (const work of works) {
      // Not by "rejection": what they threw does hold a secret, and is passed on as it is.
      await expect(work()).rejects.toThrow(/Sent|wrappedDek/);
    }
    expect(emitted.count).toBeGreaterThan(count + 10);
    expect(secretWatch.findings()).toEqual([]);
  });

  it('get nothing of it into the messages about a rewrap', async () => {
    const writer = setup();
    await writeNotes(writer, 3);
    const process = withKeys(writer, ['b', 'a']);
    process.store.before = (method, [row]) => {
      if (method !== 'replace') return;
      const { wrappedDek } = row as DekRow & KeyWrap;
      throw new StoreError('STORE_FAILED', `Sent ${wrappedDek}`, { cause: row });
    };
    const { count } = emitted;
    const { summary } = await rewrap(process);
    expect(summary.failed).toBe(3);
    expect(emitted.count).toBeGreaterThan(count + 20);
    // The caller's events do hold the error, as the store threw it.
    expect(new Set(secretWatch.findings())).toEqual(new Set(['a key or a text on an event']));
  });

  it('get nothing of plaintext out that readers pass through', async () => {
    const made = setup({ mode: 'migrate' });
    const { count } = emitted;
    await decryptAny(made.encryptor, { ...KEY, body: PLAINTEXT, tags: [PLAINTEXT] });
    expect(emitted.count).toBe(count + 2);
    expect(secrets.findIn(PLAINTEXT)).toBeDefined();
  });
});
