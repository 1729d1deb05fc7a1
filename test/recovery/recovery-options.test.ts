import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { recoverDeks } from '../../src/index.js';
import { contentsOf, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import { expectReadable, OURS, recover, recoverable, strip } from '../support/recovery.js';
import { OTHER_PAIR, PAIR } from '../support/recovery-pairs.js';
import { pullUntil, start, targetOf, withKeys, writeNotes } from '../support/rotations.js';
import { runToEnd } from '../support/run-to-end.js';

function createPkcs1Pem(pem: string): string {
  return createPrivateKey(pem).export({ type: 'pkcs1', format: 'pem' }).toString();
}

function createEncryptedPem(pem: string, passphrase: string): string {
  const encryption = { cipher: 'aes-256-cbc', passphrase };
  const key = createPrivateKey(pem);
  return key.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
}

function createEcPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

describe('a recovery that cannot begin', () => {
  async function expectNothingWritten(made: Setup, work: () => Promise<unknown>): Promise<unknown> {
    const before = await contentsOf(made.memory);
    const error = await rejection(work());
    expect(await contentsOf(made.memory)).toEqual(before);
    return error;
  }

  it('for a key that no row knows has written nothing', async () => {
    const { made, operator } = await recoverable();
    const { privateKey } = OTHER_PAIR;
    for (const dryRun of [true, false]) {
      const error = await expectNothingWritten(made, () =>
        recover(operator, { privateKey, dryRun }),
      );
      expect(error).toMatchObject({
        code: 'RECOVERY_KEY_UNKNOWN',
        message: `No DEK row of the product "notelett" has a recovery wrap for the recovery key ${OTHER_PAIR.id} that was passed, and nothing was written; the recovery wraps are for ${PAIR.id}: pass the private key of one of these`,
      });
    }
  });

  it('where no row has any recovery wrap says so', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const error = await expectNothingWritten(made, () => recover(withKeys(made, ['b'])));
    expect(error).toMatchObject({
      message: `No DEK row of the product "notelett" has a recovery wrap for the recovery key ${PAIR.id} that was passed, and nothing was written; rows that are not on the target have no recovery wrap`,
    });
  });

  it('for a target that does not work has written nothing', async () => {
    const { made, operator } = await recoverable();
    operator.provider.after = (method, result) =>
      method === 'unwrapKey' ? Buffer.alloc(32, 1) : result;
    const error = await expectNothingWritten(made, () => recover(operator));
    expect(error).toMatchObject({ code: 'ADAPTER_CONTRACT' });
  });

  it('over another rotation that is unfinished asks for takeOver', async () => {
    const { made, stored, operator } = await recoverable();
    const left = await start(withKeys(made, ['c', 'a'], OURS), { concurrency: 1 });
    await pullUntil(left, made.clock, 'changed');
    const error = await expectNothingWritten(made, () => recover(operator));
    expect(error).toMatchObject({ code: 'ROTATION_UNFINISHED' });
    const { summary } = await recover(operator, { takeOver: true });
    expect(summary).toMatchObject({ complete: true, epoch: 3, recovered: 3 });
    await expectReadable(made, stored);
  });
});

describe('what recoverDeks is given', () => {
  const encrypted = (passphrase: string): string => createEncryptedPem(PAIR.privateKey, passphrase);
  const how = 'the private recovery key as PEM, "-----BEGIN PRIVATE KEY-----"';
  const unreadable = `"privateKey" cannot be read: it must be ${how}, with its "passphrase" if it is encrypted`;

  it('may be PKCS#8 or PKCS#1, and encrypted', async () => {
    const pkcs1 = createPkcs1Pem(PAIR.privateKey);
    const passphrase = 'a long passphrase';
    for (const options of [
      { privateKey: pkcs1 },
      { privateKey: encrypted(passphrase), passphrase },
      { privateKey: PAIR.privateKey, passphrase },
    ]) {
      const { operator } = await recoverable(1);
      expect((await recover(operator, options)).summary).toMatchObject({ recovered: 1 });
    }
  });

  it.each([
    [{ privateKey: undefined }, 'TypeError', `"privateKey" expected ${how}, got undefined`],
    [{ privateKey: 7 }, 'TypeError', `"privateKey" expected ${how}, got a number`],
    [{ privateKey: PAIR.publicKey }, 'RangeError', `"privateKey" must be ${how}`],
    [{ privateKey: '-----BEGIN PRIVATE KEY-----' }, 'RangeError', unreadable],
    [{ privateKey: encrypted('right'), passphrase: 'wrong' }, 'RangeError', unreadable],
    [{ privateKey: encrypted('right') }, 'RangeError', unreadable],
    [{ passphrase: 7 }, 'TypeError', '"passphrase" expected a string, got a number'],
    [
      { privateKey: createEcPem() },
      'RangeError',
      '"privateKey" is of the type ec, and RSA-OAEP-256 needs rsa',
    ],
    [
      { verify: 'none' },
      'RangeError',
      '"verify" is no option: expected privateKey, passphrase, target, concurrency, dryRun, maxFailures, allowEmpty, takeOver, signal, maxVaultOpsPerSecond, reserveForTraffic',
    ],
    [{ concurrency: 0 }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got 0'],
    [{ target: undefined }, 'TypeError', '"target" expected a plain object, got undefined'],
  ])('is checked before anything happens', async (options, name, message) => {
    const { made, operator } = await recoverable(1);
    const before = await contentsOf(made.memory);
    expect(await failure(recover(operator, options as object))).toEqual({ name, message });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('shows nowhere, and nothing that it opened is left behind', async () => {
    const { made, operator } = await recoverable(2);
    await strip(made, 'note-0');
    const lent: Uint8Array[] = [];
    operator.provider.before = (method, [bytes]) => {
      if (method === 'wrapKey') lent.push(bytes as Uint8Array);
    };
    const shown: string[] = [];
    const { privateKey } = PAIR;
    const work = recoverDeks(operator.encryptor, { privateKey, target: await targetOf('b') });
    shown.push(inspect(work, { depth: Infinity, showHidden: true }));
    const { events } = await runToEnd(work, made.clock);
    shown.push(inspect(events, { depth: Infinity, showHidden: true }), JSON.stringify(events));
    const body = privateKey.split('\n').slice(1, -2);
    for (const text of shown) for (const line of body) expect(text).not.toContain(line);
    expect(lent).toHaveLength(2);
    expect([...(lent[1] as Uint8Array)].every((byte) => byte === 0)).toBe(true);
  });

  it('is not touched before the first pull, and a signal stops it before the next row', async () => {
    const { made, operator } = await recoverable();
    operator.store.reset();
    const abort = new AbortController();
    const options = { privateKey: PAIR.privateKey, target: await targetOf('b'), concurrency: 1 };
    const work = recoverDeks(operator.encryptor, { ...options, signal: abort.signal });
    expect(operator.store.calls).toEqual({});
    await pullUntil(work, made.clock, 'changed');
    abort.abort(new Error('enough'));
    expect(await rejection(runToEnd(work, made.clock))).toMatchObject({ message: 'enough' });
    expect((await recover(operator)).summary).toMatchObject({ complete: true, changed: 2 });
  });
});
