/** Keys for tokens are exchanged while the process answers requests: none is refused. Needs the built package. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT, type GenerateKeyPairResult, type JWK } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { BackendProcess, folderForTest, type Variables } from '../support/notes-backend-process.js';

const LIST = '/api/notes?workspaceId=w1';
const CLIENTS = 6;
/** Answers under each token, in each step. */
const ENOUGH = 60;

/** Clients that send requests, with each of the tokens in turn. */
class Load {
  readonly refused: string[] = [];
  readonly #backend: BackendProcess;
  readonly #answers = new Map<string, number>();
  readonly #open = new Map<string, number>();
  readonly #clients: Promise<unknown>;
  #tokens: readonly string[];
  #isOver = false;

  constructor(backend: BackendProcess, ...tokens: readonly string[]) {
    this.#backend = backend;
    this.#tokens = tokens;
    this.#clients = Promise.all(Array.from({ length: CLIENTS }, (_, at) => this.#client(at)));
  }

  /** From now on. Resolves when there were enough answers, and none is open under another token. */
  async with(...tokens: readonly string[]): Promise<void> {
    this.#tokens = tokens;
    this.#answers.clear();
    const isEnough = (token: string): boolean => (this.#answers.get(token) ?? 0) >= ENOUGH;
    const isOpen = ([token, count]: readonly [string, number]): boolean =>
      count > 0 && !tokens.includes(token);
    while (!tokens.every(isEnough) || [...this.#open].some(isOpen)) await sleep(1);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#clients;
  }

  async #client(at: number): Promise<void> {
    for (let step = at; !this.#isOver; step += 1) {
      const token = this.#tokens[step % this.#tokens.length] ?? '';
      const isWrite = step % 5 === 0;
      this.#count(this.#open, token, 1);
      const { status } = isWrite
        ? await this.#backend.request('POST', LIST, { token, body: { title: 'a', body: 'b' } })
        : await this.#backend.request('GET', `${LIST}&limit=1`, { token });
      this.#count(this.#open, token, -1);
      this.#count(this.#answers, token, 1);
      if (status !== (isWrite ? 201 : 200)) this.refused.push(String(status));
    }
  }

  #count(counts: Map<string, number>, token: string, more: number): void {
    counts.set(token, (counts.get(token) ?? 0) + more);
  }
}

async function readAgain(backend: BackendProcess): Promise<void> {
  backend.log.length = 0;
  backend.signal('SIGHUP');
  await backend.untilLogged(/were read again/);
}

async function statusesOf(backend: BackendProcess, tokens: readonly string[]): Promise<number[]> {
  const answers = tokens.map((token) => backend.request('GET', LIST, { token }));
  return (await Promise.all(answers)).map(({ status }) => status);
}

it('the secret that signs is exchanged as the README says', async () => {
  const folder = folderForTest();
  const file = join(folder, 'jwt.env');
  const [first, second] = ['a', 'b'].map((kid) => ({
    kid,
    secret: randomBytes(32).toString('base64url'),
  })) as [Key, Key];
  const write = (variables: Variables): void => {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(file, lines.join(''));
  };
  write(variablesOf(first));
  const env = { DATABASE_FILE: join(folder, 'notes.db'), JWT_FILE: file };
  const backend = await BackendProcess.start(env);
  const old = await backend.token(['w1'], variablesOf(first));
  const fresh = await backend.token(['w1'], variablesOf(second));
  expect(await statusesOf(backend, [old, fresh])).toEqual([200, 401]);

  const load = new Load(backend, old);
  await load.with(old);
  write(variablesOf(first, second));
  await readAgain(backend);
  await load.with(old, fresh);
  write(variablesOf(second, first));
  await readAgain(backend);
  await load.with(old, fresh);
  await load.with(fresh);
  write(variablesOf(second));
  await readAgain(backend);
  await load.with(fresh);
  await load.end();
  expect(load.refused).toEqual([]);
  expect(await statusesOf(backend, [old, fresh])).toEqual([401, 200]);
});

it('an identity provider exchanges its key, published before it signs', async () => {
  const provider = await IdentityProvider.start();
  await provider.addKey('a');
  const backend = await BackendProcess.start({
    DATABASE_FILE: join(folderForTest(), 'notes.db'),
    JWT_JWKS_URL: provider.url,
  });
  const old = await provider.token('a');

  const load = new Load(backend, old);
  await load.with(old);
  await provider.addKey('b');
  const fresh = await provider.token('b');
  await readAgain(backend);
  await load.with(old, fresh);
  await load.with(fresh);
  provider.removeKey('a');
  await readAgain(backend);
  await load.with(fresh);
  await load.end();
  expect(load.refused).toEqual([]);
  expect(await statusesOf(backend, [old, fresh])).toEqual([401, 200]);
  // With each settings once, however many requests wait for it.
  expect(provider.requests).toBeLessThanOrEqual(4);
});

interface Key {
  readonly kid: string;
  readonly secret: string;
}

function variablesOf(current: Key, previous?: Key): Variables {
  return {
    JWT_CURRENT_KID: current.kid,
    JWT_CURRENT_SECRET: current.secret,
    ...(previous && { JWT_PREVIOUS_KID: previous.kid, JWT_PREVIOUS_SECRET: previous.secret }),
  };
}

class IdentityProvider {
  url = '';
  requests = 0;
  readonly #keys = new Map<
    string,
    { readonly privateKey: GenerateKeyPairResult['privateKey']; readonly jwk: JWK }
  >();

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    const server = createServer((_request, response) => {
      provider.requests += 1;
      const keys = [...provider.#keys.values()].map(({ jwk }) => jwk);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    provider.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/keys`;
    onTestFinished(() => {
      server.close();
    });
    return provider;
  }

  async addKey(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    this.#keys.set(kid, {
      privateKey,
      jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' },
    });
  }

  removeKey(kid: string): void {
    this.#keys.delete(kid);
  }

  token(kid: string): Promise<string> {
    const key = this.#keys.get(kid);
    if (!key) throw new Error('There is no such key');
    return new SignJWT({ workspaces: ['w1'] })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setSubject('ada')
      .setIssuer('notes-backend')
      .setAudience('notes-backend')
      .setExpirationTime('1 hour')
      .sign(key.privateKey);
  }
}
