import { describe, expect, it } from 'vitest';
import { limitKeyProvider } from '../../../src/adapters.js';
import {
  EnvKeyProvider,
  KeyProviderError,
  StoreError,
  type KeyProvider,
} from '../../../src/index.js';
import { deferred, turn } from '../../support/deferred.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  note,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { rows } from '../../support/rotations.js';
import { passing } from '../../support/writing.js';

type Outcome =
  { readonly ok: true; readonly document: Loose } | { readonly ok: false; readonly error: unknown };

function encrypt({ encryptor }: Setup, list: readonly unknown[], options = {}): Promise<Outcome[]> {
  return encryptor.encryptDocuments(note, list as never, options);
}

function plain(id: string, body: unknown = `of ${id}`): Loose {
  return { ...KEY, id, body };
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${String(at)}`);

function documentsIn(outcomes: readonly Outcome[]): Loose[] {
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error;
    return outcome.document;
  });
}

describe('encryptDocuments', () => {
  it('returns an outcome for each document, in order', async () => {
    const made = setup();
    const list = [
      plain('n1'),
      plain('n2', 1n),
      { ...KEY, id: 7 },
      plain('n3', { _enc: 1 }),
      'no document',
      plain('n4'),
    ];
    const outcomes = await encrypt(made, list);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, false, false, false, true]);
    const messages = outcomes.map((each) => (each.ok ? undefined : (each.error as Error).message));
    expect(messages).toEqual([
      undefined,
      'The value at "body" cannot be encrypted: JSON cannot hold a bigint',
      '"id" expected a non-empty string, got a number',
      expect.stringMatching(/^The value at "body" looks like an envelope/),
      '"document" expected a plain object, got a string',
      undefined,
    ]);
    const [first, last] = [outcomes[0], outcomes[5]] as { document: Loose }[];
    const reader = setup({ beside: made }).encryptor;
    expect(await decryptAny(reader, first?.document)).toEqual(plain('n1'));
    expect(await decryptAny(reader, last?.document)).toEqual(plain('n4'));
  });

  it('returns an empty list for an empty list, and calls nothing', async () => {
    const made = setup();
    expect(await encrypt(made, [])).toEqual([]);
    expect(made.store.calls).toEqual({});
  });

  it('keeps the envelopes of stored documents', async () => {
    const made = setup();
    const stored = documentsIn(
      await encrypt(
        made,
        ids(3).map((id) => plain(id)),
      ),
    );
    const again = documentsIn(
      await encrypt(
        made,
        stored.map((each) => ({ ...each, title: 'x' })),
      ),
    );
    expect(again.map(({ body }) => body)).toEqual(stored.map(({ body }) => body));
  });

  it('creates one DEK for two items of one document', async () => {
    const made = setup();
    const list = [plain('n1', 'a'), plain('n2'), plain('n1', 'b'), plain('n1', 'c')];
    const outcomes = documentsIn(await encrypt(made, list));
    expect(await rows(made)).toHaveLength(2);
    expect(made.provider.calls['wrapKey']).toBe(2);
    const reader = setup({ beside: made }).encryptor;
    const bodies = await Promise.all(outcomes.map((each) => decryptAny(reader, each)));
    expect(bodies.map(({ body }) => body)).toEqual(['a', 'of n2', 'b', 'c']);
  });
});

describe('encryptDocuments, side by side', () => {
  it.each([
    [undefined, 16],
    [1, 1],
    [5, 5],
    [100, 40],
  ])('with concurrency %s has at most %i documents in progress', async (concurrency, most) => {
    const made = setup();
    await encryptAny(made.encryptor, plain('first'));
    made.store.reset();
    made.provider.reset();
    for (const probe of [made.store, made.provider]) probe.before = () => turn();
    const options = concurrency === undefined ? {} : { concurrency };
    documentsIn(
      await encrypt(
        made,
        ids(40).map((id) => plain(id)),
        options,
      ),
    );
    expect(made.provider.mostInFlight['wrapKey']).toBe(most);
    for (const inFlight of Object.values(made.store.mostInFlight)) {
      expect(inFlight).toBeLessThanOrEqual(most);
    }
    expect(made.store.calls).toMatchObject({ listScope: 40, create: 40 });
  });

  it.each([0, 1_001, 1.5])('refuses concurrency %s', async (concurrency) => {
    const made = setup();
    expect(await rejection(encrypt(made, [plain('n1')], { concurrency }))).toMatchObject({
      name: 'RangeError',
      message: `"concurrency" expected an integer from 1 to 1000, got ${String(concurrency)}`,
    });
    expect(made.store.calls).toEqual({});
  });

  it('waits in the queue of the key provider', async () => {
    const author = setup();
    const { clock } = author;
    await encryptAny(author.encryptor, plain('first'));
    const own = new EnvKeyProvider({ key: MEK_HEX });
    const remote: KeyProvider = {
      id: own.id,
      mekName: own.mekName,
      wrapAlgorithm: own.wrapAlgorithm,
      currentVersion: () => own.currentVersion(),
      wrapKey: (...args) => own.wrapKey(...args),
      unwrapKey: (...args) => own.unwrapKey(...args),
    };
    const limited = limitKeyProvider(remote, { maxOpsPerSecond: 10, maxQueued: 16, clock });
    const made = setup({ beside: author, keyProviders: [limited] });
    const before = clock.monotonicMs();
    const work = encrypt(
      made,
      ids(60).map((id) => plain(id)),
    );
    documentsIn(await passing(clock, work));
    expect(clock.monotonicMs() - before).toBeGreaterThan(3_000);
  });

  it('a document that the key service refuses fails alone', async () => {
    const made = setup();
    await encryptAny(made.encryptor, plain('first'));
    const throttled = new KeyProviderError('KEY_PROVIDER_THROTTLED', 'slow', { retryable: true });
    let wraps = 0;
    made.provider.before = (method) => {
      if (method === 'wrapKey' && (wraps += 1) === 2) throw throttled;
    };
    const outcomes = await encrypt(
      made,
      ids(4).map((id) => plain(id)),
      { concurrency: 1 },
    );
    expect(outcomes.map((each) => (each.ok ? 'ok' : each.error))).toEqual([
      'ok',
      throttled,
      'ok',
      'ok',
    ]);
  });

  it('an outage of the store is the outcome of each document', async () => {
    const made = setup();
    const down = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = () => {
      throw down;
    };
    const outcomes = await encrypt(
      made,
      ids(3).map((id) => plain(id)),
    );
    expect(outcomes).toEqual(ids(3).map(() => ({ ok: false, error: down })));
  });
});

describe('encryptDocuments, stopped', () => {
  it('starts nothing more after an abort', async () => {
    const made = setup();
    await encryptAny(made.encryptor, plain('first'));
    made.provider.reset();
    const controller = new AbortController();
    const gate = deferred();
    made.provider.before = () => gate.promise;
    const work = rejection(
      encrypt(
        made,
        ids(9).map((id) => plain(id)),
        { concurrency: 2, signal: controller.signal },
      ),
    );
    for (let turns = 0; turns < 20; turns += 1) await turn();
    controller.abort(new Error('enough'));
    expect(await work).toBe(controller.signal.reason);
    gate.resolve();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(made.provider.calls['wrapKey']).toBe(2);
  });

  it('creates no DEK for a document that was shredded since it began', async () => {
    const made = setup();
    await encryptAny(made.encryptor, plain('first'));
    const gate = deferred();
    made.provider.before = () => gate.promise;
    const work = encrypt(made, [plain('n1'), plain('n2')], { concurrency: 1 });
    for (let turns = 0; turns < 20; turns += 1) await turn();
    await made.encryptor.shred(note, { ...KEY, id: 'n2' });
    gate.resolve();
    expect(await work).toMatchObject([
      { ok: true },
      { ok: false, error: { code: 'DEK_SHREDDED' } },
    ]);
    expect(await rows(made)).toHaveLength(2);
  });
});
