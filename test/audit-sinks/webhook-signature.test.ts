import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signWebhook, verifyWebhook } from '../../src/audit-sinks/index.js';
import { ManualClock } from '../../src/testing/index.js';

const NOW_MS = 1_767_225_600_000;
const timestamp = NOW_MS / 1_000;
const clock = new ManualClock({ wallMs: NOW_MS });
const [first, second] = [newSecret(24), newSecret(64)];
const content = { id: 'event-1', timestamp, body: '{"text":"ä"}' };
const signature = signWebhook({ secrets: [first], ...content });

function newSecret(bytes: number): string {
  return `whsec_${randomBytes(bytes).toString('base64')}`;
}

function verify(change: Partial<Parameters<typeof verifyWebhook>[0]> = {}): boolean {
  const received = { ...content, signature, secrets: [first], toleranceMs: 300_000, clock };
  return verifyWebhook({ ...received, ...change });
}

describe('signWebhook', () => {
  it('signs the example of the specification', () => {
    const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
    const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
    const body = '{"test": 2432232314}';
    const signed = signWebhook({ secrets, id, timestamp: 1_614_265_330, body });
    expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('signs with each of two secrets, so that they can be replaced', () => {
    const both = signWebhook({ secrets: [first, second], ...content });
    expect(both).toBe(`${signature} ${signWebhook({ secrets: [second], ...content })}`);
    for (const secret of [first, second]) {
      expect(verify({ secrets: [secret], signature: both })).toBe(true);
    }
  });

  it('signs text as its UTF-8, by HMAC-SHA256 under the decoded secret', () => {
    const key = Buffer.from(first.slice('whsec_'.length), 'base64');
    const text = `event-1.${String(timestamp)}.${content.body}`;
    const mac = createHmac('sha256', key).update(text).digest('base64');
    expect(signature).toBe(`v1,${mac}`);
    const body = Buffer.from(content.body);
    expect(signWebhook({ secrets: [first], ...content, body })).toBe(signature);
  });

  it('is verified by the library of Standard Webhooks', () => {
    const now = Math.floor(Date.now() / 1_000);
    const body = '{"a":1}';
    const signed = signWebhook({ secrets: [second, first], id: 'e', timestamp: now, body });
    const headers = {
      'webhook-id': 'e',
      'webhook-timestamp': String(now),
      'webhook-signature': signed,
    };
    for (const secret of [first, second]) {
      expect(new Webhook(secret).verify(body, headers)).toEqual({ a: 1 });
    }
    expect(() => new Webhook(newSecret(32)).verify(body, headers)).toThrow('No matching signature');
  });

  const SHORT = `whsec_${randomBytes(23).toString('base64')}`;
  it.each([
    ['no secret', { secrets: [] }, '"secrets.length" expected an integer from 1 to 2, got 0'],
    [
      'three',
      { secrets: [first, first, first] },
      '"secrets.length" expected an integer from 1 to 2, got 3',
    ],
    ['a text', { secrets: first }, '"secrets" expected an array, got a string'],
    ['a number', { secrets: [first, 7] }, '"secrets[1]" expected a string, got a number'],
    [
      'a short one',
      { secrets: [SHORT] },
      '"secrets[0]" expected "whsec_" and 24 to 64 bytes in base64',
    ],
    [
      'a long one',
      { secrets: [newSecret(65)] },
      '"secrets[0]" expected "whsec_" and 24 to 64 bytes in base64',
    ],
    [
      'no prefix',
      { secrets: [first.slice(6)] },
      '"secrets[0]" expected "whsec_" and 24 to 64 bytes in base64',
    ],
    [
      'no base64',
      { secrets: [`${first}!`] },
      '"secrets[0]" expected "whsec_" and 24 to 64 bytes in base64',
    ],
    [
      'a full stop',
      { id: 'a.b' },
      '"id" expected 1 to 256 visible ASCII characters without a full stop',
    ],
    [
      'a line break',
      { id: 'a\n' },
      '"id" expected 1 to 256 visible ASCII characters without a full stop',
    ],
    ['no id', { id: undefined }, '"id" expected a string, got undefined'],
    [
      'a fraction',
      { timestamp: 1.5 },
      '"timestamp" expected an integer from 0 to 9007199254740991, got 1.5',
    ],
    ['no body', { body: undefined }, '"body" expected a string or bytes, got undefined'],
    [
      'a misspelt name',
      { secret: first },
      '"secret" is no option: expected secrets, id, timestamp, body; did you mean "secrets"?',
    ],
  ])('refuses %s', (_what, change, message) => {
    const options = { secrets: [first], ...content, ...change } as never;
    expect(() => signWebhook(options)).toThrow(message);
  });
});

describe('verifyWebhook', () => {
  it('accepts what was signed, with the header as it is', () => {
    expect(verify()).toBe(true);
    expect(verify({ timestamp: String(timestamp) })).toBe(true);
    expect(verify({ body: Buffer.from(content.body) })).toBe(true);
  });

  it.each([
    ['another body', { body: '{}' }],
    ['another id', { id: 'event-2' }],
    ['another time', { timestamp: timestamp + 1 }],
    ['another secret', { secrets: [second] }],
    ['another version', { signature: signature.replace('v1,', 'v1a,') }],
    ['a part of the signature', { signature: signature.slice(0, -4) }],
    ['no base64', { signature: `${signature}=` }],
    ['no header', { signature: undefined }],
    ['an empty header', { signature: '' }],
    ['no id', { id: undefined }],
    ['no time', { timestamp: undefined }],
    ['a time that is no number', { timestamp: `0${String(timestamp)}` }],
    ['a time that is a fraction', { timestamp: timestamp + 0.5 }],
    ['text before the time', { timestamp: ` ${String(timestamp)}` }],
  ])('rejects %s', (_what, change) => {
    expect(verify(change)).toBe(false);
  });

  it('rejects what was signed in two ways at once', () => {
    const id = 'a';
    const moved = signWebhook({ secrets: [first], id, timestamp: 1, body: '2.text' });
    expect(
      verify({ id: 'a.1', timestamp: 2, body: 'text', signature: moved, toleranceMs: Infinity }),
    ).toBe(false);
  });

  it('accepts a time within the tolerance, before and after', () => {
    for (const seconds of [-300, 300]) {
      const moved = { ...content, timestamp: timestamp + seconds };
      const signed = signWebhook({ secrets: [first], ...moved });
      expect(verify({ ...moved, signature: signed })).toBe(true);
      expect(verify({ ...moved, signature: signed, toleranceMs: 299_999 })).toBe(false);
      expect(verify({ ...moved, signature: signed, toleranceMs: Infinity })).toBe(true);
    }
  });

  it.each([
    [
      'no tolerance',
      { toleranceMs: undefined },
      '"toleranceMs" expected a number from 0 on, got undefined',
    ],
    ['a negative one', { toleranceMs: -1 }, '"toleranceMs" expected a number from 0 on, got -1'],
    ['no secret', { secrets: [] }, '"secrets.length" expected an integer from 1 to 2, got 0'],
    ['no body', { body: undefined }, '"body" expected a string or bytes, got undefined'],
    [
      'a wrong clock',
      { clock: {} },
      '"clock" expected a clock with wallMs, monotonicMs, sleep and jitter, got an object',
    ],
    [
      'an unknown name',
      { tolerance: 1 },
      '"tolerance" is no option: expected secrets, id, timestamp, body, signature, toleranceMs, clock; did you mean "toleranceMs"?',
    ],
  ])('refuses %s', (_what, change, message) => {
    expect(() => verify(change as never)).toThrow(message);
  });
});
