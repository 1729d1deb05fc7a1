/** What the modes do where a key service or a store behaves as no real one is made to in a test. */
import { randomBytes } from 'node:crypto';
import {
  createFieldEncryptor,
  EnvKeyProvider,
  KeyProviderError,
  registerDefinitions,
  StoreError,
  systemClock,
  type DekStore,
  type KeyProvider,
} from '@bytelyst/field-encrypt';
import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../../command/driving/exit-code-of.js';
import type { ModeModule, ModeOutcome } from '../../../command/modes/mode.js';
import * as doctor from '../../../command/modes/doctor.js';
import * as preflight from '../../../command/modes/preflight.js';
import * as status from '../../../command/modes/status.js';
import * as verify from '../../../command/modes/verify.js';
import { outcomeOf, productOf, type ModeCall } from '../../support/command-mode.js';
import { noteDefinition, noteOf, PRODUCT } from '../../support/command-world.js';

const provider = new EnvKeyProvider({ key: randomBytes(32).toString('hex') });
let deks: MemoryDekStore;
let notes: MemoryDocumentStore;

beforeEach(async () => {
  deks = new MemoryDekStore();
  notes = new MemoryDocumentStore({ key: noteDefinition.key });
  const encryptor = createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [provider],
    dekStore: deks,
  });
  await registerDefinitions(encryptor, [noteDefinition]);
  await notes.create(await encryptor.encryptDocument(noteDefinition, noteOf(0)));
});

/** The object with some methods replaced. */
function changed<Target extends object>(target: Target, methods: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, name) => {
      const value = Reflect.get(name in methods ? methods : target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

interface Call extends Partial<Pick<ModeCall, 'clock'>> {
  readonly provider?: KeyProvider;
  readonly dekStore?: DekStore;
}

function outcome(
  module: ModeModule,
  args: readonly string[],
  call: Call = {},
): Promise<ModeOutcome> {
  const { provider: keys = provider, dekStore = deks, clock = systemClock } = call;
  const parts = { provider: keys, dekStore, documentStore: notes, definition: noteDefinition };
  return outcomeOf(module, { args, clock, ...productOf(PRODUCT, parts) });
}

async function exitCode(work: Promise<ModeOutcome>): Promise<number> {
  return work.then(
    (done) => done.exitCode,
    (error: unknown) => exitCodeOf(error, false),
  );
}

describe('a store that cannot be reached', () => {
  const down = (): Promise<never> =>
    Promise.reject(new StoreError('STORE_UNAVAILABLE', 'The store does not answer'));

  it.each([
    ['status', status],
    ['doctor', doctor],
    ['verify', verify],
  ])('is exit 4 of %s', async (mode, module) => {
    const dekStore = changed(deks, { getItem: down, list: down, count: down });
    expect(await exitCode(outcome(module, [mode], { dekStore }))).toBe(4);
  });
});

describe('a key service that cannot be reached', () => {
  it('is exit 4 of verify, and not a document that does not open', async () => {
    const unwrapKey = (): Promise<never> =>
      Promise.reject(new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'The vault does not answer'));
    const keys = changed(provider, { unwrapKey });
    const clock = { ...systemClock, sleep: () => Promise.resolve() };
    for (const args of [['verify'], ['verify', '--open-wraps', '--sample', '0']]) {
      expect(await exitCode(outcome(verify, args, { provider: keys, clock }))).toBe(4);
    }
  });
});

describe('a key service that returns other bytes', () => {
  it('fails the round trip of preflight', async () => {
    const unwrapKey = (): Promise<Uint8Array> => Promise.resolve(randomBytes(32));
    const args = ['preflight', '--new-mek-version', await provider.currentVersion()];
    const { findings = [] } = await outcome(preflight, args, {
      provider: changed(provider, { unwrapKey }),
    });
    const name = `env/env/${await provider.currentVersion()}`;
    expect(findings.filter(({ check }) => check.endsWith('-version'))).toMatchObject(
      ['old', 'new'].map((side) => ({
        level: 'fail',
        check: `${side}-version`,
        message: `${name} does not unwrap what it wrapped`,
      })),
    );
  });
});

describe('the sample of verify', () => {
  it('is of the whole collection: a later document takes the place of an earlier one', async () => {
    for (let number = 1; number < 250; number += 1) await notes.create({ ...noteOf(number) });
    const clock = { ...systemClock, jitter: () => 0 };
    const args = ['verify', '--sample', '2'];
    const { result } = await outcome(verify, args, { clock });
    const { samples } = result as { samples: readonly { failures: readonly object[] }[] };
    const { items } = await notes.list({ pageSize: 1_000 });
    const [, second] = items;
    const last = items.at(-1);
    expect(samples[0]?.failures).toMatchObject(
      [last, second].map((item) => ({ key: { id: item?.document['id'] } })),
    );
  });
});

describe('a store whose reads lag', () => {
  it('is scanned a second time when the lag is over', async () => {
    const slept: number[] = [];
    const clock = {
      ...systemClock,
      sleep: (ms: number) => {
        slept.push(ms);
        return Promise.resolve();
      },
    };
    const dekStore = changed<DekStore>(deks, { readLagMs: () => Promise.resolve(1_234) });
    await outcome(verify, ['verify', '--sample', '0'], { dekStore, clock });
    expect(slept).toEqual([1_234]);
  });
});
