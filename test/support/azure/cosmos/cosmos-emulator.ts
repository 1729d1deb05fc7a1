/** `@vercel/cosmosdb-server` behind HTTPS, with every request to it passing through our hands. @module */
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createHttpsServer } from '@vercel/cosmosdb-server';
import { certificate } from '../certificate.js';
import type { RawAnswer, RawRequest } from './cosmos-exchange.js';

type Gate = (request: RawRequest, response: ServerResponse) => Promise<void>;

export interface CosmosEmulator {
  readonly server: Server;
  readonly port: number;
  /** PEM of the certificate, which is its own authority. */
  readonly ca: string;
  /** Has the emulator answer; nothing reaches the client. */
  forward(request: RawRequest): Promise<RawAnswer>;
}

type Parse = (sql: string) => unknown;

rememberQueries();

/** Each container of the emulator parses its queries anew, which takes longer than to answer them. */
function rememberQueries(): void {
  const emulator = createRequire(import.meta.url).resolve('@vercel/cosmosdb-server');
  const parser = createRequire(emulator)('@zeit/cosmosdb-query') as { default: Parse };
  const parse = parser.default;
  const known = new Map<string, unknown>();
  parser.default = (sql) => {
    const query = known.get(sql) ?? parse(sql);
    known.set(sql, query);
    return query;
  };
}

/** @param gate - Answers every request; usually by `forward`. */
export async function startEmulator(gate: Gate, port = 0): Promise<CosmosEmulator> {
  const { cert, key } = await certificate();
  // `keepAlive` is an option of the emulator; without it every answer closes its connection.
  const options = { keepAlive: true, cert, key, minVersion: 'TLSv1.2' as const };
  const server = createHttpsServer(options);
  const [listener] = server.listeners('request') as [RequestListener];
  server.removeAllListeners('request');
  server.on('request', (incoming, outgoing) => {
    void readRequest(incoming)
      .then((request) => gate(request, outgoing))
      .catch((error: unknown) => {
        console.error('The Cosmos server failed to answer:', error);
        outgoing.destroy();
      });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    ca: cert,
    forward: (request) => capture(listener, request),
  };
}

async function readRequest(incoming: Parameters<RequestListener>[0]): Promise<RawRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = 'GET', url = '/', headers } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks) };
}

/** Lets the emulator answer into our hands. */
function capture(listener: RequestListener, request: RawRequest): Promise<RawAnswer> {
  const { method, url, headers, body } = request;
  const incoming = Object.assign(Readable.from(body.length > 0 ? [body] : []), {
    method,
    url,
    headers,
  });
  return new Promise((resolve) => {
    const given: Record<string, string> = {};
    const outgoing = {
      statusCode: 200,
      finished: false,
      setHeader: (name: string, value: unknown) => {
        given[name.toLowerCase()] = String(value);
      },
      end(text?: string) {
        this.finished = true;
        const answered = text ? { body: JSON.parse(text) as unknown } : {};
        resolve({ status: this.statusCode, headers: given, ...answered });
      },
    };
    listener(incoming as never, outgoing as never);
  });
}
