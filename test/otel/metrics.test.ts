/** Every metric, provoked by the public functions, and what its attributes are. @module */
import { describe, expect, it } from 'vitest';
import { createFieldEncryptor } from '../../src/index.js';
import { decryptAny, encryptAny, KEY, PRODUCT, setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  failedOpens,
  failingRuns,
  passThroughs,
  readDuringRotation,
  readsAndWrites,
  throttledRotation,
  WAITING_SINK,
} from '../support/otel/everything.js';
import { otelWorld, type OtelWorld, type Sample } from '../support/otel/otel-world.js';
import {
  pullUntil,
  rollBack,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const PRODUCT_ALONE = { 'field_encrypt.product': PRODUCT };
const MEK = {
  ...PRODUCT_ALONE,
  'field_encrypt.key_provider': 'env',
  'field_encrypt.mek.name': 'env',
};

async function only(
  world: OtelWorld,
  name: string,
  attributes: object,
): Promise<readonly Sample[]> {
  const samples = await world.samples(name);
  return samples.filter(({ attributes: own }) =>
    Object.entries(attributes).every(([key, value]) => own[key] === value),
  );
}

async function valueOf(world: OtelWorld, name: string, attributes: object): Promise<unknown> {
  const found = await only(world, name, attributes);
  return found.length === 1 ? found[0]?.value : found;
}

describe('calls', () => {
  it('of a key provider are timed, by MEK version, purpose and code', async () => {
    const world = otelWorld();
    const { encryptor, provider, clock } = setup();
    provider.before = () => {
      clock.advance(30);
    };
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    encryptor.dekCache.clear();
    await decryptAny(encryptor, stored);
    await encryptor.checkReadiness();
    encryptor.dekCache.clear();
    provider.before = () => {
      throw new Error('Down');
    };
    await rejection(decryptAny(encryptor, stored));
    const mek = { ...MEK, 'field_encrypt.mek.version': await versionOf('a') };
    const document = { ...mek, 'field_encrypt.purpose': 'document' };
    expect(await world.samples('field_encrypt.unwrap.duration')).toEqual([
      { attributes: document, value: 1 },
      { attributes: { ...mek, 'field_encrypt.purpose': 'proof' }, value: 1 },
      { attributes: { ...document, 'error.type': 'OTHER' }, value: 1 },
    ]);
    expect(await world.samples('field_encrypt.wrap.duration')).toEqual([
      { attributes: { ...mek, 'field_encrypt.purpose': 'dek' }, value: 1 },
      { attributes: { ...mek, 'field_encrypt.purpose': 'proof' }, value: 1 },
    ]);
    const metric = (await world.metrics()).find(
      ({ descriptor }) => descriptor.name === 'field_encrypt.unwrap.duration',
    );
    expect(metric).toMatchObject({ descriptor: { unit: 's' } });
    expect(metric?.dataPoints[0]?.value).toMatchObject({ sum: 0.03 });
  });

  it('of a rotation are counted apart from those for documents', async () => {
    const world = otelWorld();
    const writer = setup();
    await writeNotes(writer, 2);
    const operator = withKeys(writer, ['b', 'a']);
    await pullUntil(await start(operator), operator.clock, 'finished');
    const purpose = { 'field_encrypt.purpose': 'document' };
    expect(await only(world, 'field_encrypt.unwrap.duration', purpose)).toEqual([]);
    expect(await world.samples('field_encrypt.unwrap.other_version')).toEqual([]);
  });

  it('of the store are timed and priced, by method', async () => {
    const world = otelWorld();
    await readsAndWrites();
    const get = { ...PRODUCT_ALONE, 'field_encrypt.store.method': 'get' };
    const gets = await valueOf(world, 'field_encrypt.store.duration', get);
    expect(gets).toBeGreaterThan(0);
    expect(await world.samples('field_encrypt.store.request_charge')).toEqual([
      { attributes: get, value: 1.5 * (gets as number) },
    ]);
  });

  it('that are retried are counted', async () => {
    const world = otelWorld();
    await throttledRotation();
    const mek = { 'field_encrypt.key_provider': 'env', 'field_encrypt.mek.name': 'env' };
    expect(await world.samples('field_encrypt.key_provider.retries')).toEqual([
      { attributes: { ...mek, 'error.type': 'KEY_PROVIDER_THROTTLED' }, value: 2 },
    ]);
    const rewrap = { ...PRODUCT_ALONE, 'field_encrypt.run.name': 'rewrapAllDeks' };
    expect(await valueOf(world, 'field_encrypt.run.throttled', rewrap)).toBe(2);
    expect(await valueOf(world, 'field_encrypt.run.key_operations', rewrap)).toBeGreaterThan(18);
  });
});

describe('the cache', () => {
  it('counts hits, misses and joins, and why DEKs left it', async () => {
    const world = otelWorld();
    const writer = setup();
    const [one, other] = await writeNotes(writer, 2);
    const reader = setup({ beside: writer, cache: { maxEntries: 1 } });
    await Promise.all([1, 2, 3].map(() => decryptAny(reader.encryptor, one)));
    await decryptAny(reader.encryptor, one);
    await decryptAny(reader.encryptor, other);
    reader.dekCache.clear();
    const requests = await world.samples('field_encrypt.cache.requests');
    expect(
      requests.map(({ attributes, value }) => [attributes['field_encrypt.cache.result'], value]),
    ).toEqual(
      expect.arrayContaining([
        ['hit', 3],
        ['miss', 2],
        ['joined', 2],
      ]),
    );
    expect(await world.samples('field_encrypt.cache.evictions')).toEqual([
      { attributes: { 'field_encrypt.cache.eviction.reason': 'expired' }, value: 0 },
      { attributes: { 'field_encrypt.cache.eviction.reason': 'full' }, value: 1 },
      { attributes: { 'field_encrypt.cache.eviction.reason': 'invalidated' }, value: 1 },
    ]);
  });

  it('is measured where its encryptor is named, once where several share it', async () => {
    const made = setup({ cache: { maxEntries: 7 } });
    const beside = createFieldEncryptor(made.encryptor);
    const alone = setup({ beside: made, cache: { maxEntries: 5 } });
    const encryptors = [made.encryptor, beside, alone.encryptor];
    const world = otelWorld({ encryptors });
    await writeNotes(made, 3);
    expect(await valueOf(world, 'field_encrypt.cache.entries', PRODUCT_ALONE)).toBe(3);
    expect(await valueOf(world, 'field_encrypt.cache.limit', PRODUCT_ALONE)).toBe(12);
  });
});

describe('reads', () => {
  it('that pass plaintext or another definition through are counted by collection', async () => {
    const world = otelWorld();
    await passThroughs(setup());
    const attributes = { ...PRODUCT_ALONE, 'field_encrypt.collection': 'notes' };
    for (const name of ['field_encrypt.plaintext.reads', 'field_encrypt.definition.mismatches']) {
      expect(await world.samples(name)).toEqual([{ attributes, value: 1 }]);
    }
  });

  it('that fail are counted by code, also in a list', async () => {
    const world = otelWorld();
    await failedOpens(setup());
    const about = { ...PRODUCT_ALONE, 'field_encrypt.collection': 'notes' };
    expect(await world.samples('field_encrypt.open.failures')).toEqual([
      { attributes: { ...about, 'error.type': 'TAMPERED' }, value: 2 },
      { attributes: { ...about, 'error.type': 'PLAINTEXT_REFUSED' }, value: 1 },
    ]);
  });

  it('that needed another version than the target of a rotation are counted', async () => {
    const world = otelWorld();
    await readDuringRotation();
    const attributes = { ...MEK, 'field_encrypt.mek.version': await versionOf('a') };
    expect(await world.samples('field_encrypt.unwrap.other_version')).toEqual([
      { attributes, value: 1 },
    ]);
  });

  it('show a rotation to a process that has only read rows', async () => {
    const writer = setup();
    const stored = await writeNotes(writer, 3);
    const operator = withKeys(writer, ['b', 'a']);
    const rotation = await start(operator, { concurrency: 1 });
    await pullUntil(rotation, operator.clock, 'changed');
    const world = otelWorld();
    const reader = withKeys(writer, ['b', 'a']);
    for (const each of stored) await decryptAny(reader.encryptor, each);
    for (const each of stored) {
      reader.dekCache.clear();
      await decryptAny(reader.encryptor, each);
    }
    const target = { ...MEK, 'field_encrypt.mek.version': await versionOf('b') };
    expect(await valueOf(world, 'field_encrypt.rotation.target', target)).toBe(1);
    expect(await world.samples('field_encrypt.rotation.unfinished')).toEqual([]);
    const [counted] = await world.samples('field_encrypt.unwrap.other_version');
    expect(counted?.attributes['field_encrypt.mek.version']).toBe(await versionOf('a'));
    expect(counted?.value).toBeGreaterThan(1);
    await rotation.return(undefined as never);
  });
});

describe('a rotation', () => {
  it('is shown by epoch, target and state', async () => {
    const world = otelWorld();
    const writer = setup();
    await writeNotes(writer, 2);
    const state = (): Promise<unknown> =>
      valueOf(world, 'field_encrypt.rotation.unfinished', PRODUCT_ALONE);
    const epoch = (): Promise<unknown> =>
      valueOf(world, 'field_encrypt.rotation.epoch', PRODUCT_ALONE);
    expect([await epoch(), await state()]).toEqual([1, 0]);
    const operator = withKeys(writer, ['b', 'a']);
    const rotation = await start(operator);
    await pullUntil(rotation, operator.clock, 'changed');
    expect([await epoch(), await state()]).toEqual([2, 1]);
    const target = async (): Promise<unknown> =>
      Object.fromEntries(
        (await world.samples('field_encrypt.rotation.target')).map(({ attributes, value }) => [
          attributes['field_encrypt.mek.version'],
          value,
        ]),
      );
    const [a, b] = [await versionOf('a'), await versionOf('b')];
    expect(await target()).toEqual({ [a]: 0, [b]: 1 });
    await pullUntil(rotation, operator.clock, 'finished');
    await operator.encryptor.checkReadiness();
    expect([await epoch(), await state()]).toEqual([2, 0]);
    await rollBack(operator, 'a');
    expect(await target()).toEqual({ [a]: 1, [b]: 0 });
  });

  it('counts items by outcome, and is active until it ends', async () => {
    const world = otelWorld();
    await failingRuns();
    const items = await world.samples('field_encrypt.run.items');
    const outcomes = items.map(({ attributes }) => [
      attributes['field_encrypt.run.outcome'],
      attributes['error.type'],
    ]);
    expect(outcomes).toEqual(
      expect.arrayContaining([
        ['changed', undefined],
        ['failed', 'OTHER'],
      ]),
    );
    for (const { attributes } of items) {
      expect(attributes).toMatchObject({
        ...PRODUCT_ALONE,
        'field_encrypt.run.name': 'rewrapAllDeks',
      });
    }
    const durations = await world.samples('field_encrypt.run.duration');
    expect(
      durations.map(({ attributes }) => attributes['field_encrypt.run.outcome']).sort(),
    ).toEqual(['finished', 'stopped']);
    for (const { value } of await world.samples('field_encrypt.run.active')) expect(value).toBe(0);
  });

  it('shows what is left while it runs', async () => {
    const world = otelWorld();
    const writer = setup();
    await writeNotes(writer, 4);
    const operator = withKeys(writer, ['b', 'a']);
    const rotation = await start(operator, { concurrency: 1 });
    await pullUntil(rotation, operator.clock, 'changed');
    const figures = async (): Promise<unknown[]> => [
      await valueOf(world, 'field_encrypt.run.active', {}),
      await valueOf(world, 'field_encrypt.run.left', {}),
      await valueOf(world, 'field_encrypt.run.size', {}),
    ];
    expect(await figures()).toEqual([1, 3, 4]);
    await pullUntil(rotation, operator.clock, 'finished');
    expect(await figures()).toEqual([0, 0, 4]);
  });
});

describe('readiness', () => {
  it('is the outcome of the last check, by name', async () => {
    const world = otelWorld();
    const { encryptor, provider } = setup();
    await encryptor.checkReadiness();
    const ready = {
      ...PRODUCT_ALONE,
      'field_encrypt.mode': 'strict',
      'field_encrypt.enabled': true,
    };
    expect(await world.samples('field_encrypt.readiness.ready')).toEqual([
      { attributes: ready, value: 1 },
    ]);
    provider.before = () => {
      throw new Error('Down');
    };
    await encryptor.checkReadiness();
    expect(await world.samples('field_encrypt.readiness.ready')).toEqual([
      { attributes: ready, value: 0 },
    ]);
    expect(await world.samples('field_encrypt.readiness.check')).toEqual([
      { attributes: { ...PRODUCT_ALONE, 'field_encrypt.readiness.check': 'dek-store' }, value: 1 },
      {
        attributes: { ...PRODUCT_ALONE, 'field_encrypt.readiness.check': 'key-provider env/env' },
        value: 0,
      },
    ]);
  });
});

describe('an audit sink', () => {
  it('is measured where it is named', async () => {
    const world = otelWorld({ auditSinks: [WAITING_SINK, WAITING_SINK] });
    for (const [name, value] of Object.entries({
      events: 6,
      size: 1_400,
      limit: 2_000,
      age: 600,
    })) {
      const found = await world.samples(`field_encrypt.audit.backlog.${name}`);
      expect(found, name).toEqual([{ attributes: {}, value }]);
    }
  });

  it('that cannot be read takes no other metric along', async () => {
    const backlog = (): never => {
      throw new Error('Down');
    };
    const world = otelWorld({ auditSinks: [{ backlog }] });
    await readsAndWrites();
    expect(await world.samples('field_encrypt.audit.backlog.events')).toEqual([]);
    expect(await world.samples('field_encrypt.cache.requests')).not.toEqual([]);
  });
});
