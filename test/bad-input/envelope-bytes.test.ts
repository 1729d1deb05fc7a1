import { beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/index.js';
import { contentsOf, decryptAny, encryptAny, KEY, sealed, setup } from '../support/encryptor.js';
import { failedField, failure, type Failure } from '../support/failure.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const LETTERS = ALPHABET.split('');
const made = setup();
let envelope: Envelope;
let refusal: Failure;

beforeAll(async () => {
  envelope = await sealed(made.encryptor, 'hi!');
  refusal = failedField('body', envelope.dekId);
});

function bytesOf({ ct }: Envelope): Buffer {
  return Buffer.from(ct, 'base64url');
}

async function open(ct: string | Uint8Array): Promise<unknown> {
  const text = typeof ct === 'string' ? ct : Buffer.from(ct).toString('base64url');
  return (await decryptAny(made.encryptor, { ...KEY, body: { ...envelope, ct: text } }))['body'];
}

async function expectRefused(variants: readonly (string | Uint8Array)[]): Promise<void> {
  expect(variants.length).toBeGreaterThan(0);
  const before = await contentsOf(made.memory);
  for (const variant of variants) expect(await failure(open(variant))).toEqual(refusal);
  expect(await contentsOf(made.memory)).toEqual(before);
  expect(await open(envelope.ct)).toBe('hi!');
}

describe('a sealed message', () => {
  it('does not open with any one bit flipped', async () => {
    const bytes = bytesOf(envelope);
    const flipped = Array.from({ length: bytes.length * 8 }, (_each, bit) => {
      const copy = Uint8Array.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      return copy;
    });
    expect(flipped).toHaveLength((12 + 1 + 3 + 16) * 8);
    await expectRefused(flipped);
  });

  it('does not open with any one character replaced', async () => {
    const { ct } = envelope;
    const replaced = Array.from(ct).flatMap((character, at) =>
      LETTERS.filter((other) => other !== character).map(
        (other) => ct.slice(0, at) + other + ct.slice(at + 1),
      ),
    );
    expect(replaced).toHaveLength(ct.length * 63);
    await expectRefused(replaced);
  });

  it('does not open with its end cut off, at any length', async () => {
    const { ct } = envelope;
    await expectRefused(Array.from(ct, (_each, length) => ct.slice(0, length)));
    const bytes = bytesOf(envelope);
    await expectRefused(Array.from(bytes, (_each, length) => bytes.subarray(0, length)));
  });

  it('does not open with its start cut off, at any length', async () => {
    const { ct } = envelope;
    await expectRefused(Array.from(ct, (_each, length) => ct.slice(length + 1)));
    const bytes = bytesOf(envelope);
    await expectRefused(Array.from(bytes, (_each, length) => bytes.subarray(length + 1)));
  });

  it('does not open with any one byte or character added, in front or at the end', async () => {
    const bytes = bytesOf(envelope);
    const added = Array.from({ length: 256 }, (_each, byte) => [
      Buffer.concat([bytes, Buffer.of(byte)]),
      Buffer.concat([Buffer.of(byte), bytes]),
    ]);
    await expectRefused(added.flat());
    const characters = [...LETTERS, '=', '==', '+', '/', ' ', '\n', '\t', '!', '\u0000', 'é', '🔑'];
    await expectRefused(characters.flatMap((each) => [envelope.ct + each, each + envelope.ct]));
  });

  it('does not open with any one character left out, doubled or swapped with the next', async () => {
    const { ct } = envelope;
    const variants = Array.from(ct).flatMap((character, at) => [
      ct.slice(0, at) + ct.slice(at + 1),
      ct.slice(0, at) + character + ct.slice(at),
      ct.slice(0, at) +
        ct
          .slice(at, at + 2)
          .split('')
          .reverse()
          .join('') +
        ct.slice(at + 2),
    ]);
    await expectRefused(variants.filter((variant) => variant !== ct));
  });

  it('does not open spliced with another of the same field, at any cut', async () => {
    const one = bytesOf(envelope);
    const other = bytesOf(await sealed(made.encryptor, 'ho!'));
    const spliced = Array.from(one, (_each, at) => [
      Buffer.concat([one.subarray(0, at), other.subarray(at)]),
      Buffer.concat([other.subarray(0, at), one.subarray(at)]),
    ]);
    const originals = [one, other].map((each) => each.toString('hex'));
    await expectRefused(spliced.flat().filter((each) => !originals.includes(each.toString('hex'))));
    await expectRefused([Buffer.concat([one, other]), Buffer.concat([one, one])]);
  });

  it('does not open with a nonce or a tag of another length, or zeroed', async () => {
    const bytes = bytesOf(envelope);
    const [nonce, rest] = [bytes.subarray(0, 12), bytes.subarray(12)];
    const [head, tag] = [bytes.subarray(0, -16), bytes.subarray(-16)];
    const sized = (part: Buffer, length: number): Buffer =>
      Buffer.concat([part, Buffer.alloc(16)]).subarray(0, length);
    const nonces = [0, 1, 8, 11, 13, 16].map((length) =>
      Buffer.concat([sized(nonce, length), rest]),
    );
    const tags = [0, 4, 8, 12, 13, 14, 15, 17].map((length) =>
      Buffer.concat([head, sized(tag, length)]),
    );
    const zeroed = [
      Buffer.concat([Buffer.alloc(12), rest]),
      Buffer.concat([head, Buffer.alloc(16)]),
      Buffer.alloc(bytes.length),
      Buffer.alloc(28),
      Buffer.alloc(29),
    ];
    await expectRefused([...nonces, ...tags, ...zeroed]);
  });
});

describe('base64url', () => {
  /** Messages whose text ends after 0, 1 and 2 bytes of a group, with both special characters. */
  async function texts(): Promise<readonly Envelope[]> {
    const found: Envelope[] = [];
    for (const body of ['hi', 'hi!', 'hi!!']) {
      for (;;) {
        const one = await sealed(made.encryptor, body);
        if (!one.ct.includes('-') || !one.ct.includes('_')) continue;
        found.push(one);
        break;
      }
    }
    return found;
  }

  it('is taken in its canonical form alone', async () => {
    const all = await texts();
    expect(new Set(all.map(({ ct }) => ct.length % 4))).toEqual(new Set([0, 2, 3]));
    for (const { ct } of all) {
      const middle = ct.length >> 1;
      const padding = '='.repeat((4 - (ct.length % 4)) % 4);
      const variants = [
        ct.replaceAll('-', '+'),
        ct.replaceAll('_', '/'),
        ct.replaceAll('-', '+').replaceAll('_', '/'),
        `${ct}${padding || '===='}`,
        `${ct}=`,
        `${ct}==`,
        ...[' ', '\n', '\r\n', '\t', '!', '.', '\u0000', '中', '\ud800'].flatMap((junk) => [
          `${junk}${ct}`,
          `${ct}${junk}`,
          `${ct.slice(0, middle)}${junk}${ct.slice(middle)}`,
        ]),
        // The same low byte in another plane: a decoder that cuts wide characters would take it.
        ct.slice(0, middle) +
          String.fromCharCode(ct.charCodeAt(middle) + 0x100) +
          ct.slice(middle + 1),
      ];
      await expectRefused(variants);
    }
  });

  it('is refused with bits set that decoders ignore', async () => {
    for (const { ct } of await texts()) {
      const ignored = { 0: 0, 2: 4, 3: 2 }[ct.length % 4] as number;
      const last = ALPHABET.indexOf(ct.slice(-1));
      const variants = Array.from({ length: 2 ** ignored - 1 }, (_each, bits) => {
        return ct.slice(0, -1) + (ALPHABET[last | (bits + 1)] as string);
      });
      for (const variant of variants) {
        expect(Buffer.from(variant, 'base64url')).toEqual(Buffer.from(ct, 'base64url'));
      }
      if (variants.length > 0) await expectRefused(variants);
    }
  });
});

describe('a message of another size', () => {
  const SCRATCH = 64 * 1024;
  const around = [0, 1, 15, 16, 17, 4095, 4096, SCRATCH - 29, SCRATCH - 28, SCRATCH, SCRATCH + 1];

  it.each([...around, 2 * 1024 * 1024])('opens at %i bytes, and not when cut', async (length) => {
    const body = 'x'.repeat(length);
    const stored = await encryptAny(made.encryptor, { ...KEY, body });
    expect((await decryptAny(made.encryptor, stored))['body']).toBe(body);
    const { ct } = stored['body'] as Envelope;
    await expectRefused([ct.slice(0, -4), `${ct}AAAA`, ct.slice(0, -1)]);
  });
});
