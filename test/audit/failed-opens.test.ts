import { describe, expect, it } from 'vitest';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { checkSinks, newSink, type RecordingSink } from '../support/audit.js';
import { turn } from '../support/deferred.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
  type SetupOptions,
} from '../support/encryptor.js';
import { rejection, thrownBy } from '../support/failure.js';
import { withKeys } from '../support/rotations.js';

checkSinks();

const MINUTE_MS = 60_000;

interface World {
  readonly made: Setup;
  readonly sink: RecordingSink;
  readonly stored: Loose;
  /** Its ciphertext is another's. */
  readonly altered: Loose;
  readonly dekId: string;
}

async function world(options: SetupOptions = {}): Promise<World> {
  const sink = newSink();
  const first = setup();
  const stored = await encryptAny(first.encryptor, { ...KEY, body: 'a text', title: 'other' });
  const [body, title] = [envelopeAt(stored, 'body'), envelopeAt(stored, 'title')];
  const altered = { ...stored, body: { ...body, ct: title.ct } };
  const audit = { sink, failures: true };
  const made = setup({ beside: first, audit, ...options });
  return { made, sink, stored, altered, dekId: body.dekId };
}

/** The events that are waiting are written. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

async function fail({ made, altered }: World, times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) await rejection(decryptAny(made.encryptor, altered));
  await settled();
}

describe('a document that cannot be opened is recorded', () => {
  it('by decryptDocument, with its DEK and the declared path', async () => {
    const all = await world();
    await fail(all);
    const { sink, dekId } = all;
    expect(sink.kinds).toEqual(['open.failed']);
    expect(sink.dataOf('open.failed')).toEqual([
      { collection: 'notes', errorCode: 'TAMPERED', dekId, path: 'body' },
    ]);
  });

  it('by decryptDocuments, each that fails', async () => {
    const { made, sink, stored, altered } = await world();
    await made.encryptor.decryptDocuments(note, [stored, altered, stored, altered] as never);
    await settled();
    expect(sink.kinds).toEqual(['open.failed', 'open.failed']);
  });

  it('by OpenDocument.open', async () => {
    const { made, sink, altered } = await world();
    const open = await made.encryptor.openDocument(note, KEY);
    thrownBy(() => open.open('body', altered['body']));
    await settled();
    expect(sink.dataOf('open.failed')).toMatchObject([{ errorCode: 'TAMPERED', path: 'body' }]);
  });

  it('by openDocument', async () => {
    const { made, sink } = await world();
    made.provider.before = () => Promise.reject(new Error('down'));
    await rejection(made.encryptor.openDocument(note, KEY));
    await settled();
    expect(sink.dataOf('open.failed')).toMatchObject([{ collection: 'notes' }]);
  });

  it('by updateDecrypted', async () => {
    const { made, sink, altered } = await world();
    const documents = new MemoryDocumentStore<Loose>({ key: note.key });
    await documents.create(altered);
    const { encryptor } = made;
    await rejection(encryptor.updateDecrypted(note, documents as never, KEY, (each) => each));
    await settled();
    expect(sink.dataOf('open.failed')).toMatchObject([{ errorCode: 'TAMPERED' }]);
  });

  it('where the key service denies it, and where its DEK is shredded', async () => {
    const { made, sink, stored } = await world();
    const other = withKeys(made, ['b'], { audit: { sink, failures: true } });
    await rejection(decryptAny(other.encryptor, stored));
    await made.encryptor.shred(note, KEY);
    await rejection(decryptAny(made.encryptor, stored));
    await settled();
    const codes = sink.dataOf('open.failed').map(({ errorCode }) => errorCode);
    expect(codes).toEqual(['MEK_VERSION_UNKNOWN', 'DEK_SHREDDED']);
  });

  it('where the document is not the expected one, or holds plaintext', async () => {
    const { made, sink, stored } = await world();
    const expected = { expect: { workspaceId: 'another' } };
    await rejection(made.encryptor.decryptDocument(note, stored as never, expected));
    await rejection(decryptAny(made.encryptor, { ...stored, body: 'plain' }));
    await settled();
    const codes = sink.dataOf('open.failed').map(({ errorCode }) => errorCode);
    expect(codes).toEqual(['TAMPERED', 'PLAINTEXT_REFUSED']);
  });

  it('without a path that is not declared: its names may be data', async () => {
    const { made, sink, stored } = await world();
    const moved = { ...stored, 'somebody-private': stored['body'] };
    await rejection(decryptAny(made.encryptor, moved));
    await settled();
    const [event = {}] = sink.dataOf('open.failed');
    expect(event).toMatchObject({ errorCode: 'DEFINITION_MISMATCH' });
    expect(event).not.toHaveProperty('path');
  });

  it('and a mistake of the caller, an abort and a document that opens are not', async () => {
    const { made, sink, stored } = await world();
    await rejection(decryptAny(made.encryptor, 'no document'));
    await rejection(made.encryptor.decryptDocument(note, stored as never, { expect: {} }));
    const signal = AbortSignal.abort(new Error('enough'));
    await rejection(made.encryptor.decryptDocument(note, stored as never, { signal }));
    await decryptAny(made.encryptor, stored);
    await settled();
    await made.encryptor.close();
    expect(sink.events).toEqual([]);
  });

  it('and none is where failures are not asked for', async () => {
    const all = await world();
    const { made, sink, altered } = all;
    const quiet = setup({ beside: made, audit: { sink } });
    await rejection(decryptAny(quiet.encryptor, altered));
    await quiet.encryptor.close();
    expect(sink.events).toEqual([]);
  });
});

describe('documents that cannot be opened', () => {
  it('have 60 events in a minute; the others are counted when it is over', async () => {
    const all = await world();
    const { made, sink } = all;
    const from = new Date(made.clock.wallMs()).toISOString();
    await fail(all, 75);
    expect(sink.dataOf('open.failed')).toHaveLength(60);
    expect(sink.kinds).not.toContain('opens.failed');
    await made.clock.run(MINUTE_MS);
    await settled();
    const until = new Date(made.clock.wallMs()).toISOString();
    expect(sink.dataOf('opens.failed')).toEqual([{ counts: { TAMPERED: 15 }, from, until }]);
    await fail(all);
    expect(sink.dataOf('open.failed')).toHaveLength(61);
    expect(made.clock.sleeping).toBe(1);
    await made.encryptor.close();
    expect(made.clock.sleeping).toBe(0);
  });

  it('have a new minute where the timer is late', async () => {
    const all = await world();
    const { made, sink } = all;
    await fail(all, 61);
    made.clock.advanceMonotonic(MINUTE_MS);
    await fail(all);
    expect(sink.dataOf('open.failed')).toHaveLength(61);
    expect(sink.dataOf('opens.failed')).toMatchObject([{ counts: { TAMPERED: 1 } }]);
  });

  it('that were only counted are recorded by close, and by await using', async () => {
    for (const end of ['close', Symbol.asyncDispose] as const) {
      const all = await world();
      await fail(all, 61);
      await all.made.encryptor[end]();
      expect(all.sink.dataOf('opens.failed')).toMatchObject([{ counts: { TAMPERED: 1 } }]);
      await all.made.encryptor[end]();
      expect(all.sink.dataOf('opens.failed')).toHaveLength(1);
    }
  });

  it('are read as fast, and fail in the same way, while the sink hangs', async () => {
    const all = await world();
    const { made, sink, altered } = all;
    let release = (): void => undefined;
    sink.before = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const error = await rejection(decryptAny(made.encryptor, altered));
    expect(error).toMatchObject({ code: 'TAMPERED' });
    const waiting = 3 * 60 + 40;
    for (let time = 0; time < waiting; time += 1) {
      if (time % 60 === 0) made.clock.advance(MINUTE_MS);
      await rejection(decryptAny(made.encryptor, altered));
    }
    sink.before = () => undefined;
    release();
    await settled();
    await made.encryptor.close();
    const [listed, counted] = [sink.dataOf('open.failed'), sink.dataOf('opens.failed')];
    const counts = counted.map((each) => (each['counts'] as { TAMPERED: number }).TAMPERED);
    expect(listed.length).toBeLessThanOrEqual(180);
    expect(listed.length + counts.reduce((sum, count) => sum + count, 0)).toBe(waiting + 1);
  });

  it('are counted where their events cannot be recorded, until that can be', async () => {
    const all = await world();
    const { made, sink } = all;
    sink.before = () => Promise.reject(new Error('full'));
    await fail(all, 3);
    expect(await rejection(made.encryptor.close())).toMatchObject({ code: 'AUDIT_FAILED' });
    await made.clock.run(MINUTE_MS);
    sink.before = () => undefined;
    await made.clock.run(MINUTE_MS);
    await settled();
    expect(sink.dataOf('opens.failed')).toMatchObject([{ counts: { TAMPERED: 3 } }]);
  });

  it('do not keep close waiting after its signal aborts', async () => {
    const all = await world();
    const { made, sink } = all;
    sink.before = () => new Promise(() => undefined);
    await rejection(decryptAny(made.encryptor, all.altered));
    const controller = new AbortController();
    const closing = rejection(made.encryptor.close({ signal: controller.signal }));
    await settled();
    controller.abort(new Error('enough'));
    expect(await closing).toBe(controller.signal.reason);
  });
});

it.each([
  [{ failures: 'yes' }, '"audit.failures" expected a boolean, got a string'],
  [{ sink: undefined }, '"audit.sink" expected an audit sink with write, got undefined'],
  [
    { sinks: [] },
    '"audit.sinks" is no option: expected sink, user, traceparent, failures, parentId; did you mean "audit.sink"?',
  ],
  [{ traceparent: '00-1' }, '"audit.traceparent" expected a traceparent of W3C Trace Context'],
])('refuses %j', (wrong, message) => {
  const audit = { sink: newSink(), ...wrong };
  expect(() => setup({ audit: audit as never })).toThrow(message);
});

it('refuses null, which would turn the trail off', () => {
  expect(() => setup({ audit: null as never })).toThrow(
    '"audit" expected a plain object, got null',
  );
});
