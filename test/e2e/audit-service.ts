/** The service that receives the audit trail: it takes only what is signed with a secret that it knows. @module */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { verifyWebhook } from '@bytelyst/field-encrypt/audit';

export class AuditService {
  secrets: readonly string[];
  /** How many requests were signed with none of the secrets. */
  refused = 0;
  /** The bodies of those that were taken. */
  readonly taken: string[] = [];
  readonly #server = createServer((request, response) => {
    void this.#isTaken(request).then((isTaken) => response.writeHead(isTaken ? 202 : 401).end());
  });

  constructor(secrets: readonly string[]) {
    this.secrets = secrets;
  }

  /** @returns Its address. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}/events`;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    return Promise.resolve();
  }

  async #isTaken(request: IncomingMessage): Promise<boolean> {
    const header = (name: string): string => String(request.headers[`webhook-${name}`]);
    const body = await text(request);
    const isGenuine = verifyWebhook({
      secrets: this.secrets,
      id: header('id'),
      timestamp: Number(header('timestamp')),
      signature: header('signature'),
      body,
      toleranceMs: 300_000,
    });
    if (isGenuine) this.taken.push(body);
    else this.refused += 1;
    return isGenuine;
  }
}
