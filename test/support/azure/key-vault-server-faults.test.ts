import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CryptographyClient, KeyClient } from '@azure/keyvault-keys';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { KeyVaultServer } from './key-vault-server.js';
import type { Fault } from './key-vault/fault.js';
import { readingAnswers, sdkCipher, sdkClient, surfaced } from './key-vault/sdk-client.js';
import { deferred } from '../deferred.js';
import { rejection } from '../failure.js';

const OAEP_256 = 'RSA-OAEP-256';
/** Made in no time, and as good for what is tested here. */
const SMALL = { size: 1024 };
const dek = randomBytes(32);

let server: KeyVaultServer;
let client: KeyClient;
let cipher: CryptographyClient;
let version: string;
let wrapped: Uint8Array;

beforeEach(async () => {
  server = await KeyVaultServer.start();
  client = sdkClient(server);
  version = await server.createKey('mek', SMALL);
  cipher = sdkCipher(client, 'mek', version);
  wrapped = (await cipher.wrapKey(OAEP_256, dek)).result;
  server.clearRequests();
});

afterEach(() => server.stop());

async function unwrap(): Promise<Buffer> {
  return Buffer.from((await cipher.unwrapKey(OAEP_256, wrapped)).result);
}

async function wrap(): Promise<Uint8Array> {
  return (await cipher.wrapKey(OAEP_256, dek)).result;
}

/** Name and code of what the client's caller sees where no answer came. */
async function broken(work: Promise<unknown>): Promise<unknown> {
  return ((await rejection(work)) as { readonly code?: unknown }).code;
}

describe('the script', () => {
  it('befalls requests in order, each with the first fault that is for it', async () => {
    server.script({ on: 'unwrapKey', status: 500 }, { on: 'wrapKey', status: 403 });
    server.script({ on: 'unwrapKey', status: 429, times: 2 });
    expect(await surfaced(wrap())).toEqual([403, 'Forbidden']);
    expect(await surfaced(unwrap())).toEqual([500, 'InternalServerError']);
    expect(await surfaced(unwrap())).toEqual([429, 'Throttled']);
    expect(server.unspentFaults).toBe(1);
    expect(await surfaced(unwrap())).toEqual([429, 'Throttled']);
    expect(server.unspentFaults).toBe(0);
    expect(await unwrap()).toEqual(dek);
    expect(server.requests.map(({ faulted }) => faulted)).toEqual([
      true,
      true,
      true,
      true,
      undefined,
    ]);
  });

  it('befalls every request until it is asked to stop', async () => {
    const fault = server.script({ status: 404, times: Infinity });
    for (let count = 0; count < 3; count += 1) {
      expect(await surfaced(unwrap())).toEqual([404, 'KeyNotFound']);
    }
    expect(fault.used).toBe(3);
    fault.cancel();
    await unwrap();
    server.script({ status: 404 }, { status: 400 });
    server.clearScript();
    await unwrap();
  });

  it('leaves requests without a token alone, unless it is for those', async () => {
    server.script({ status: 500 });
    expect(await surfaced(sdkClient(server).getKey('mek'))).toEqual([500, 'InternalServerError']);
    server.script({ on: 'challenge', status: 503 });
    expect(await surfaced(sdkClient(server).getKey('mek'))).toEqual([503, 'ServiceUnavailable']);
    expect(server.requests.map(({ authorized, status }) => [authorized, status])).toEqual([
      [false, 401],
      [true, 500],
      [false, 503],
    ]);
  });

  it('can be for whatever a function picks out', async () => {
    const second = await server.rotateKey('mek');
    server.script({ on: (request) => request.version === second, status: 500, times: Infinity });
    await client.getKey('mek', { version });
    expect(await surfaced(client.getKey('mek', { version: second }))).toEqual([
      500,
      'InternalServerError',
    ]);
  });

  it('takes one kind of fault at a time', () => {
    expectTypeOf<{ on: 'get'; status: 500; times: 2 }>().toExtend<Fault>();
    expectTypeOf<{ body: string; status: 500 }>().toExtend<Fault>();
    expectTypeOf<{ status: 500; hang: true }>().not.toExtend<Fault>();
    expectTypeOf<{ resetBefore: true; resetAfter: true }>().not.toExtend<Fault>();
    expectTypeOf<{ times: 2 }>().not.toExtend<Fault>();
  });
});

describe('a fault', () => {
  it('refuses with any status, codes and headers', async () => {
    server.script({
      status: 403,
      code: 'Forbidden',
      innerCode: 'KeyDisabled',
      message: 'Not now.',
      headers: { 'retry-after': '7' },
    });
    const error = (await rejection(unwrap())) as {
      readonly response: { readonly headers: Headers };
    };
    expect(error).toMatchObject({
      statusCode: 403,
      code: 'Forbidden',
      message: 'Not now.',
      details: { error: { innerError: { code: 'KeyDisabled' } } },
    });
    expect(error.response.headers.get('retry-after')).toBe('7');
  });

  it('answers any text', async () => {
    server.script({ body: '<html>', status: 502, headers: { 'content-type': 'text/html' } });
    expect(await rejection(unwrap())).toHaveProperty('statusCode', 502);
    server.script({ body: '{"kid":"nonsense"' });
    expect(await broken(unwrap())).toBe('PARSE_ERROR');
  });

  it('challenges a token that is good', async () => {
    server.script({ challenge: 'Bearer realm="none"' });
    expect(await surfaced(unwrap())).toEqual([401, 'Unauthorized']);
  });

  it('sends the client elsewhere', async () => {
    await using other = await KeyVaultServer.start();
    server.script({ redirectTo: other.url, times: 2 });
    // The client looks for an error in the body without looking for a body.
    expect(await rejection(client.getKey('mek'))).toBeInstanceOf(TypeError);
    expect(server.requests.at(-1)).toMatchObject({ operation: 'get', status: 307 });
    expect(other.requests).toEqual([]);
    const trusting = sdkClient(server, { redirectOptions: { allowCrossOriginRedirects: true } });
    expect(await surfaced(trusting.getKey('mek'))).toEqual([401, 'Unauthorized']);
    expect(other.requests).toMatchObject([{ operation: 'get', keyName: 'mek', authorized: false }]);
  });

  it('holds a request until its client gives up', async () => {
    server.script({ hang: true });
    const controller = new AbortController();
    const arrived = server.nextRequest('unwrapKey');
    const asked = cipher.unwrapKey(OAEP_256, wrapped, { abortSignal: controller.signal });
    const request = await arrived;
    controller.abort();
    expect(await rejection(asked)).toHaveProperty('name', 'AbortError');
    expect(request).not.toHaveProperty('status');
    expect(await unwrap()).toEqual(dek);
    // Until the server has seen that its client is gone.
    do {
      await new Promise(setImmediate);
      server.clearRequests();
    } while (server.mostInFlight > 0);
  });

  it('cuts a request off, before the work or after it', async () => {
    server.script({ resetBefore: true });
    expect(await broken(client.rotateKey('mek'))).toBe('ECONNRESET');
    expect(server.versionsOf('mek')).toEqual([version]);
    server.script({ resetAfter: true });
    expect(await broken(client.rotateKey('mek'))).toBe('ECONNRESET');
    expect(server.versionsOf('mek')).toHaveLength(2);
    expect(server.requests.some((request) => 'status' in request)).toBe(false);
  });

  it('breaks off in the middle of an answer', async () => {
    server.script({ truncateBody: true });
    expect(await broken(unwrap())).toBe('PARSE_ERROR');
  });

  it('delays a request', async () => {
    server.script({ delayMs: 20 });
    const startedMs = performance.now();
    expect(await unwrap()).toEqual(dek);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(19);
  });

  it('waits for whatever it is given, before the work', async () => {
    const gate = deferred<undefined>();
    const seen: string[] = [];
    server.script({
      on: 'unwrapKey',
      times: 3,
      first: ({ version: named }) => {
        seen.push(named);
        return gate.promise;
      },
    });
    const asked = Promise.all([unwrap(), unwrap(), unwrap()]);
    while (seen.length < 3) await new Promise(setImmediate);
    expect(seen).toEqual([version, version, version]);
    server.updateKey('mek', version, { enabled: false });
    gate.resolve(undefined);
    expect(await surfaced(asked)).toEqual([403, 'Forbidden', 'KeyDisabled']);
    expect(server.mostInFlight).toBe(3);
  });

  it('adds a version in mid-run', async () => {
    await server.createKey('other', { type: 'EC' });
    server.script({ on: 'get', rotateFirst: true }, { on: 'get', rotateFirst: 'other' });
    const { properties } = await client.getKey('mek');
    expect(server.versionsOf('mek')).toEqual([version, properties.version]);
    await client.getKey('mek');
    expect(server.versionsOf('mek')).toHaveLength(2);
    expect(server.versionsOf('other')).toHaveLength(2);
  });

  it('disables a version in mid-run', async () => {
    server.script({ on: 'unwrapKey', disableFirst: version });
    await wrap();
    expect(await surfaced(unwrap())).toEqual([403, 'Forbidden', 'KeyDisabled']);
    expect(await surfaced(wrap())).toEqual([403, 'Forbidden', 'KeyDisabled']);
  });

  it('revokes the tokens in mid-run', async () => {
    server.script({ expireTokens: true });
    expect(await surfaced(unwrap())).toEqual([401, 'Unauthorized']);
    expect(await surfaced(unwrap())).toEqual([401, 'Unauthorized']);
    expect(server.requests.map(({ authorized, status }) => [authorized, status])).toEqual(
      Array(4).fill([true, 401]),
    );
  });

  it('names the wrong key in an answer', async () => {
    const kids: (string | undefined)[] = [];
    const additionalPolicies = [
      readingAnswers((text) => kids.push(/"kid":"([^"]*)"/.exec(text)?.[1])),
    ];
    const other = sdkCipher(sdkClient(server, { additionalPolicies }), 'mek', version);
    await other.unwrapKey(OAEP_256, wrapped);
    kids.length = 0;
    server.script({ wrongKid: true }, { wrongKid: 'https://evil.example/keys/mek/1' });
    const { keyID, result } = await other.unwrapKey(OAEP_256, wrapped);
    await other.unwrapKey(OAEP_256, wrapped);
    const right = `${server.url}/keys/mek/${version}`;
    expect(kids[0]).toMatch(new RegExp(`^${server.url}/keys/mek/[0-9a-f]{32}$`));
    expect(kids[0]).not.toBe(right);
    expect(kids[1]).toBe('https://evil.example/keys/mek/1');
    expect(dek.equals(result)).toBe(true);
    // The client makes this up, whatever the answer says.
    expect(keyID).toBe(right);
    server.script({ wrongKid: true });
    expect((await client.getKey('mek')).properties.version).not.toBe(version);
  });

  it.each([31, 33, 32, 0])('answers %i bytes that are not the DEK', async (wrongDekLength) => {
    server.script({ on: 'unwrapKey', wrongDekLength });
    const answered = await unwrap();
    expect(answered).toHaveLength(wrongDekLength);
    expect(answered).not.toEqual(dek);
  });

  it('answers an empty value', async () => {
    server.script({ on: 'wrapKey', emptyValue: true });
    expect(await wrap()).toHaveLength(0);
  });

  it('leaves a refusal as it is', async () => {
    server.updateKey('mek', version, { enabled: false });
    server.script({ wrongKid: true });
    expect(await surfaced(unwrap())).toEqual([403, 'Forbidden', 'KeyDisabled']);
  });
});

describe('a server that stops', () => {
  it('ends the requests that hang', async () => {
    server.script({ hang: true });
    const arrived = server.nextRequest();
    const asked = rejection(unwrap());
    await arrived;
    await server.stop();
    expect(await asked).toHaveProperty('code', 'ECONNRESET');
    await server.stop();
  });

  it('keeps no process alive, whatever hangs or is delayed', async () => {
    const script = join(import.meta.dirname, 'stopped-servers.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
      timeout: 600_000,
    });
    expect(stdout).toBe('delay hang token\n');
  });
});
