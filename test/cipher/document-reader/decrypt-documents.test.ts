import { describe, expect, it } from 'vitest';
import type { DecryptDocumentsOptions, Envelope } from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../../support/encryptor.js';
import { deferred, turn } from '../../support/deferred.js';
import { describeError, failure, rejection, tampered } from '../../support/failure.js';

type Options = DecryptDocumentsOptions<typeof note>;

async function many(count: number): Promise<readonly [Setup, readonly Loose[]]> {
  const writer = setup();
  const ids = Array.from({ length: count }, (_each, index) => `note-${String(index)}`);
  const list = await Promise.all(
    ids.map((id) => encryptAny(writer.encryptor, { ...KEY, id, body: `of ${id}` })),
  );
  return [setup({ beside: writer }), list];
}

function decryptAll(
  { encryptor }: Setup,
  list: readonly unknown[],
  options?: Options,
): ReturnType<typeof encryptor.decryptDocuments<object, typeof note, never>> {
  return encryptor.decryptDocuments(note, list as never[], options);
}

describe('decryptDocuments', () => {
  it('answers in order, whatever the order in which keys arrive', async () => {
    const [reader, list] = await many(20);
    let waits = 20;
    reader.provider.before = async () => {
      for (let left = (waits -= 1); left > 0; left -= 1) await turn();
    };
    const outcomes = await decryptAll(reader, list, { concurrency: 20 });
    expect(outcomes).toEqual(
      list.map(({ id }) => ({ ok: true, document: { ...KEY, id, body: `of ${String(id)}` } })),
    );
  });

  it('takes an empty list, and one document twice', async () => {
    const [reader, list] = await many(1);
    expect(await decryptAll(reader, [])).toEqual([]);
    expect(reader.store.calls).toEqual({});
    const outcomes = await decryptAll(reader, [list[0], list[0]]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
  });

  it('fails alone for each document that cannot be opened, with the error of its own', async () => {
    const [reader, list] = await many(6);
    const body = (index: number): Envelope => list[index]?.['body'] as Envelope;
    const broken: unknown[] = [...list];
    broken[0] = { ...list[0], body: { ...body(0), ct: 'AAAA' } };
    broken[1] = { ...list[1], title: 'plain' };
    broken[2] = { ...list[2], body: body(3) };
    broken[4] = null;
    const outcomes = await decryptAll(reader, broken);
    const codes = outcomes.map((each) => (each.ok ? 'ok' : describeError(each.error)));
    expect(codes).toMatchObject([
      { code: 'TAMPERED' },
      { code: 'PLAINTEXT_REFUSED' },
      { code: 'TAMPERED' },
      'ok',
      { name: 'TypeError', message: '"document" expected a plain object, got null' },
      'ok',
    ]);
    for (const [index, each] of broken.entries()) {
      const outcome = outcomes[index];
      const alone = setup({ beside: reader });
      if (outcome?.ok) expect(await decryptAny(alone.encryptor, each)).toEqual(outcome.document);
      else
        expect(describeError(outcome?.error)).toEqual(
          await failure(decryptAny(alone.encryptor, each)),
        );
    }
  });

  it('fails alone for a DEK that is missing or shredded', async () => {
    const [reader, list] = await many(3);
    const owner = setup({ beside: reader });
    await owner.encryptor.shred(note, { ...KEY, id: 'note-1' });
    const { dekId } = list[2]?.['body'] as Envelope;
    const missing = dekId.replace('.1', '.9');
    const outcomes = await decryptAll(reader, [
      list[0],
      list[1],
      { ...list[2], body: { ...(list[2]?.['body'] as Envelope), dekId: missing } },
    ]);
    expect(outcomes).toMatchObject([
      { ok: true },
      { ok: false, error: { code: 'DEK_SHREDDED' } },
      { ok: false, error: { code: 'DEK_NOT_FOUND', dekId: missing } },
    ]);
  });

  it('fails for all that were cold when the bulk read fails, and for none that were hot', async () => {
    const [reader, list] = await many(4);
    await decryptAny(reader.encryptor, list[3]);
    const outage = new Error('down');
    reader.store.before = () => Promise.reject(outage);
    const outcomes = await decryptAll(reader, list);
    expect(outcomes.slice(0, 3)).toEqual([0, 1, 2].map(() => ({ ok: false, error: outage })));
    expect(outcomes[3]).toMatchObject({ ok: true });
    reader.store.before = () => undefined;
    expect((await decryptAll(reader, list)).every(({ ok }) => ok)).toBe(true);
  });

  it.each([0, -1, 1.5, NaN, Infinity, 1_001])(
    'refuses a concurrency of %d',
    async (concurrency) => {
      const [reader, list] = await many(1);
      expect(await failure(decryptAll(reader, list, { concurrency }))).toEqual({
        name: 'RangeError',
        message: `"concurrency" expected an integer from 1 to 1000, got ${String(concurrency)}`,
      });
      expect(reader.store.calls).toEqual({});
    },
  );

  it('refuses a concurrency that is no number', async () => {
    const [reader] = await many(0);
    expect(await failure(decryptAll(reader, [], { concurrency: '4' as never }))).toEqual({
      name: 'TypeError',
      message: '"concurrency" expected an integer from 1 to 1000, got a string',
    });
  });
});

describe('abort', () => {
  const reason = new Error('the caller went away');

  it('before the start rejects with the reason, and nothing is read', async () => {
    const [reader, list] = await many(3);
    const signal = AbortSignal.abort(reason);
    expect(await rejection(decryptAll(reader, list, { signal }))).toBe(reason);
    expect(reader.store.calls).toEqual({});
  });

  it.each([1, 2, 5])('rejects at once while %i loads hang', async (count) => {
    const [reader, list] = await many(count);
    const gate = deferred();
    reader.provider.before = () => gate.promise;
    const controller = new AbortController();
    const work = rejection(decryptAll(reader, list, { signal: controller.signal, concurrency: 2 }));
    await turn();
    controller.abort(reason);
    expect(await work).toBe(reason);
    const started = reader.provider.calls['unwrapKey'];
    gate.resolve();
    await turn();
    expect(reader.provider.calls['unwrapKey']).toBe(started);
  });

  it("rejects at once while the store hangs, and is not the store's to hear", async () => {
    for (const count of [1, 3]) {
      const [reader, list] = await many(count);
      reader.store.before = () => deferred().promise;
      const controller = new AbortController();
      const work = rejection(decryptAll(reader, list, { signal: controller.signal }));
      await turn();
      controller.abort(reason);
      expect(await work).toBe(reason);
    }
  });

  it('leaves those alone who wait for the same loads', async () => {
    const [reader, list] = await many(4);
    const gate = deferred();
    reader.store.before = async (_method, args) => {
      const { signal } = (args.at(-1) ?? {}) as { signal?: AbortSignal };
      await gate.promise;
      signal?.throwIfAborted();
    };
    const controller = new AbortController();
    const aborted = rejection(decryptAll(reader, list, { signal: controller.signal }));
    await turn();
    const other = decryptAny(reader.encryptor, list[0]);
    const others = decryptAll(reader, list);
    controller.abort(reason);
    gate.resolve();
    expect(await aborted).toBe(reason);
    expect(await other).toMatchObject({ body: 'of note-0' });
    expect((await others).every(({ ok }) => ok)).toBe(true);
  });

  it('after the end changes nothing', async () => {
    const [reader, list] = await many(3);
    const controller = new AbortController();
    const outcomes = await decryptAll(reader, list, { signal: controller.signal });
    controller.abort(reason);
    await turn();
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
  });
});

describe('expect', () => {
  const differs = (name: string): ReturnType<typeof tampered> =>
    tampered(`The document is not the one that was expected: its key part "${name}" differs`);

  it('passes a document with the key parts that the caller knows', async () => {
    const [reader, list] = await many(2);
    const expectations: Options[] = [
      { expect: { workspaceId: 'ws-1' } },
      { expect: { workspaceId: 'ws-1', id: 'note-0' } },
    ];
    for (const options of expectations) {
      const opened = await reader.encryptor.decryptDocument(note, list[0] as never, options);
      expect(opened).toMatchObject({ body: 'of note-0' });
    }
    const outcomes = await decryptAll(reader, list, { expect: { id: 'note-1' } });
    expect(outcomes).toMatchObject([{ ok: false, error: differs('id') }, { ok: true }]);
  });

  it('refuses to expect nothing, which any document would pass', async () => {
    const [reader, list] = await many(1);
    for (const [expect_, refusal] of [
      [{}, ['RangeError', '"expect" names no key part: expected one or more of workspaceId, id']],
      [null, ['TypeError', '"expect" expected a plain object, got null']],
      ['ws-1', ['TypeError', '"expect" expected a plain object, got a string']],
    ] as const) {
      const options = { expect: expect_ } as never;
      const [name, message] = refusal;
      const decrypting = reader.encryptor.decryptDocument(note, list[0] as never, options);
      expect(await failure(decrypting)).toEqual({ name, message });
      expect(await failure(decryptAll(reader, list, options))).toEqual({ name, message });
    }
  });

  it('refuses a document of another tenant, before any look-up', async () => {
    const [reader, list] = await many(1);
    const options = { expect: { workspaceId: 'ws-2' } };
    const decrypting = reader.encryptor.decryptDocument(note, list[0] as never, options);
    expect(await failure(decrypting)).toEqual(differs('workspaceId'));
    const both = { expect: { workspaceId: 'ws-1', id: 'note-7' } };
    expect(await failure(reader.encryptor.decryptDocument(note, list[0] as never, both))).toEqual(
      differs('id'),
    );
    expect(reader.store.calls).toEqual({});
  });

  it('that is undefined, as from a route without that parameter, is misuse and no match', async () => {
    const [reader, list] = await many(1);
    const options = { expect: { workspaceId: undefined as never } };
    expect(
      await failure(reader.encryptor.decryptDocument(note, list[0] as never, options)),
    ).toEqual({
      name: 'TypeError',
      message: '"expect.workspaceId" expected a non-empty string, got undefined',
    });
  });

  it('knows key parts alone', async () => {
    const [reader, list] = await many(1);
    const options = { expect: { body: 'x' } as never };
    expect(
      await failure(reader.encryptor.decryptDocument(note, list[0] as never, options)),
    ).toEqual({
      name: 'RangeError',
      message: '"expect" names "body", which is not a key part',
    });
  });
});
