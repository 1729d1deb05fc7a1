/** HTTPS on loopback under the test certificate. @module */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import { certificate } from './certificate.js';

export class CertificateServer {
  /** What clients are given as `ca`: PEM. */
  readonly ca: string;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, ca: string) {
    this.#server = server;
    this.ca = ca;
    this.port = (server.address() as AddressInfo).port;
  }

  static async listen(app: Hono<{ Bindings: HttpBindings }>, port = 0): Promise<CertificateServer> {
    const { cert, key } = await certificate();
    const answer = getRequestListener(app.fetch);
    const server = createServer({ cert, key }, (incoming, outgoing) => {
      void answer(incoming, outgoing);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new CertificateServer(server, cert);
  }

  get url(): string {
    return `https://localhost:${String(this.port)}`;
  }

  /** Ends what hangs, too: nothing of this server keeps the process alive afterwards. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
