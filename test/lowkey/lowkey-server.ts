/** Lowkey Vault, as long as a run needs it. @module */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Java } from './java.js';
import { makeKeystore, type Keystore } from './keystore.js';
import { KeptProcess } from './kept-process.js';

export interface LowkeyServerOptions {
  readonly jar: string;
  readonly java: Java;
  /** For its certificate and what it prints; the caller's to remove. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

const POLL_MS = 250;
const START_TIMEOUT_MS = 180_000;
const LINES_SHOWN = 15;

/** It ended, or never answered. */
export class LowkeyStartError extends Error {
  override readonly name = 'LowkeyStartError';
}

export class LowkeyServer implements AsyncDisposable {
  /** Also the address of a vault in it. */
  readonly url: string;
  /** The certificate to trust, in PEM. */
  readonly caFile: string;
  readonly #process: KeptProcess;

  private constructor(port: number, caFile: string, process: KeptProcess) {
    this.url = `https://127.0.0.1:${String(port)}`;
    this.caFile = caFile;
    this.#process = process;
  }

  /** @throws LowkeyStartError with the last lines that it printed. */
  static async start({ jar, java, folder, signal }: LowkeyServerOptions): Promise<LowkeyServer> {
    const keystore = await makeKeystore(java, folder);
    const port = await freePort();
    const log = join(folder, 'lowkey-vault.log');
    const server = new LowkeyServer(port, keystore.caFile, run(jar, java, { port, keystore, log }));
    try {
      await server.#answers(signal);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw new LowkeyStartError(`${String(error)}\n${lastLines(log)}`, { cause: error });
    }
  }

  /** Returns when the process is gone. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }

  async #answers(signal: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
    const exit = this.#process.exited.then((code) => {
      throw new Error(`it ended with exit code ${String(code)} before it answered`);
    });
    try {
      const waiting = AbortSignal.any([signal, timeout, settled.signal]);
      await Promise.race([exit, this.#firstAnswer(waiting)]);
    } finally {
      settled.abort();
    }
  }

  async #firstAnswer(signal: AbortSignal): Promise<void> {
    const ca = readFileSync(this.caFile);
    while (!(await isUp(`${this.url}/ping`, ca, signal))) {
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

interface RunOptions {
  readonly port: number;
  readonly keystore: Keystore;
  readonly log: string;
}

function run(jar: string, java: Java, { port, keystore, log }: RunOptions): KeptProcess {
  const args = [
    ...['-XX:TieredStopAtLevel=1', '-Xmx512m', '-jar', jar],
    '--server.address=127.0.0.1',
    `--server.port=${String(port)}`,
    // No client connects there: any free port is one that is not taken.
    '--app.token.port=0',
    '--server.ssl.key-store-type=PKCS12',
    `--server.ssl.key-store=file:${keystore.file}`,
  ];
  // Not an argument, which everybody on the machine may read.
  const env = { SERVER_SSL_KEY_STORE_PASSWORD: keystore.password };
  const output = openSync(log, 'w');
  try {
    return new KeptProcess(join(java.home, 'bin/java'), args, { env, output });
  } finally {
    closeSync(output);
  }
}

function isUp(url: string, ca: Buffer, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { ca, signal, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => {
      resolve(false);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function lastLines(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
}
