import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/index.js';
import { anyFieldValue } from '../support/arbitraries.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  looseDefinition,
  sealed,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { failedField, failure, type Failure } from '../support/failure.js';
import { perLane } from '../support/lane.js';

const made = setup();
const { encryptor } = made;

function read(body: unknown): Promise<Loose> {
  return decryptAny(encryptor, { ...KEY, body });
}

describe('any envelope', () => {
  it('is refused with any one byte of its sealed text changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFieldValue,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (value, at, difference) => {
          const envelope = await sealed(encryptor, value);
          const bytes = Buffer.from(envelope.ct, 'base64url');
          const index = at % bytes.length;
          bytes[index] = (bytes[index] as number) ^ difference;
          const refusal = await failure(read({ ...envelope, ct: bytes.toString('base64url') }));
          expect(refusal).toEqual(failedField('body', envelope.dekId));
        },
      ),
    );
  });

  it('is refused with any text in place of its sealed text', async () => {
    const envelope = await sealed(encryptor, 'text');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (ct) => {
        fc.pre(ct !== envelope.ct);
        const refusal = await failure(read({ ...envelope, ct }));
        expect(refusal).toEqual(failedField('body', envelope.dekId));
      }),
    );
  });

  it('is refused with any one character of its text changed, but for the hint', async () => {
    const codes = new Set(['TAMPERED', 'DEK_NOT_FOUND', 'ENVELOPE_UNSUPPORTED']);
    const envelope = await sealed(encryptor, 'text');
    const text = JSON.stringify(envelope);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: text.length - 1 }),
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
        async (at, character) => {
          let body: unknown;
          try {
            body = JSON.parse(text.slice(0, at) + character + text.slice(at + 1));
          } catch {
            return;
          }
          fc.pre(typeof body === 'object' && body !== null && Object.hasOwn(body, '_enc'));
          const { mekVersion, ...bound } = body as Loose;
          const sound = { _enc: envelope._enc, dekId: envelope.dekId, ct: envelope.ct };
          if (JSON.stringify(bound) === JSON.stringify(sound) && typeof mekVersion === 'string') {
            const outcome = await read(body).catch((error: unknown) => error);
            expect(outcome).toMatchObject(
              outcome instanceof Error ? { code: 'TAMPERED' } : { body: 'text' },
            );
            return;
          }
          const refusal = await failure(read(body));
          expect(codes).toContain(refusal.code);
        },
      ),
      { numRuns: perLane(100, 1_000) },
    );
  });

  it('with another generation is missing, or refused where no record allows it, and with another scope is refused', async () => {
    const envelope = await sealed(encryptor, 'text');
    const readOf = (generation: number): Promise<Failure> => {
      const dekId = `${envelope.dekId.slice(0, 32)}.${String(generation)}`;
      return failure(read({ ...envelope, dekId }));
    };
    const highest = 1 + 2 ** 20;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: highest }), async (generation) => {
        expect(await readOf(generation)).toMatchObject({ code: 'DEK_NOT_FOUND' });
      }),
      { examples: [[2], [highest]] },
    );
    const tooHigh = fc.integer({ min: highest + 1, max: Number.MAX_SAFE_INTEGER });
    await fc.assert(
      fc.asyncProperty(tooHigh, async (generation) => {
        expect(await readOf(generation)).toMatchObject({ code: 'TAMPERED' });
      }),
      { examples: [[highest + 1], [Number.MAX_SAFE_INTEGER]] },
    );
    const scope = fc.uint8Array({ minLength: 16, maxLength: 16 });
    await fc.assert(
      fc.asyncProperty(scope, async (bytes) => {
        const dekId = `${Buffer.from(bytes).toString('hex')}.1`;
        expect(await failure(read({ ...envelope, dekId }))).toEqual(failedField('body', dekId));
      }),
    );
  });

  it('is either opened as it is or refused, whatever stands in its place', async () => {
    const envelope = await sealed(encryptor, 'text');
    const property = fc.anything({ withBigInt: true, withNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), property), async (extra) => {
        const body = { ...envelope, ...extra };
        const same = Object.entries(body).every(([name, value]) => {
          return Object.hasOwn(envelope, name) && envelope[name as keyof Envelope] === value;
        });
        const outcome = await read(body).catch((error: unknown) => error);
        if (same) expect(outcome).toEqual({ ...KEY, body: 'text' });
        else
          expect(outcome).toMatchObject({ code: expect.any(String) as string, retryable: false });
      }),
    );
  });
});

describe('an envelope in another place', () => {
  const fields = ['title', 'body', 'text', 'meta.location', 'tags[]'];
  const place = fc.record({
    product: fc.constantFrom('notelett', 'other'),
    collection: fc.constantFrom('notes', 'drafts'),
    workspaceId: fc.constantFrom('ws-1', 'ws-2'),
    id: fc.constantFrom('note-1', 'note-2'),
    field: fc.constantFrom(...fields),
  });

  function documentWith(field: string, value: unknown): Loose {
    if (field === 'tags[]') return { tags: [value] };
    return field === 'meta.location' ? { meta: { location: value } } : { [field]: value };
  }

  it('is refused as tampered, and opens where it was sealed', async () => {
    await fc.assert(
      fc.asyncProperty(place, place, async (from, to) => {
        const base = setup();
        const [sealer, opener] = [from, to].map(
          ({ product }) => setup({ beside: base, product }).encryptor,
        ) as [typeof encryptor, typeof encryptor];
        const definitionOf = ({ collection }: typeof from): ReturnType<typeof looseDefinition> =>
          looseDefinition(collection, ['workspaceId', 'id'], fields);
        const keyOf = ({ workspaceId, id }: typeof from): Loose => ({ workspaceId, id });

        // Both places have a DEK of their own.
        const target = { ...keyOf(to), ...documentWith(to.field, 'other') };
        await encryptAny(opener, target, definitionOf(to));
        const plain = { ...keyOf(from), ...documentWith(from.field, 'text') };
        const stored = await encryptAny(sealer, plain, definitionOf(from));
        const moved = documentWith(to.field, envelopeIn(stored, from.field));
        const reading = decryptAny(opener, { ...keyOf(to), ...moved }, definitionOf(to));
        const { dekId } = envelopeIn(stored, from.field);
        if (JSON.stringify(from) === JSON.stringify(to)) expect(await reading).toEqual(plain);
        else expect(await failure(reading)).toEqual(failedField(to.field, dekId));
      }),
    );
  });

  it('is not detected among the elements of one array, as documented', async () => {
    const stored = await encryptAny(encryptor, { ...KEY, tags: ['a', 'b', 'c'] });
    const [a, b, c] = stored['tags'] as Envelope[];
    const swapped = await decryptAny(encryptor, { ...KEY, tags: [c, b, a, a] });
    expect(swapped['tags']).toEqual(['c', 'b', 'a', 'a']);
  });

  it('is not detected as an older one of its own field, as documented', async () => {
    const older = await sealed(encryptor, 'older');
    await sealed(encryptor, 'newer');
    expect((await read(older))['body']).toBe('older');
  });

  function envelopeIn(stored: Loose, field: string): Envelope {
    if (field === 'tags[]') return (stored['tags'] as Envelope[])[0] as Envelope;
    const { location } = (stored['meta'] ?? {}) as Loose;
    return (field === 'meta.location' ? location : stored[field]) as Envelope;
  }
});
