/** An audit service: a real server that counts what it gets. @module */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { HTTP, type CloudEvent } from 'cloudevents';
import { onTestFinished } from 'vitest';
import { isGenuine } from './webhook-verifier.js';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly id: string;
  readonly sequence: number;
  readonly source: string;
  readonly event: CloudEvent<unknown>;
}

/** How one request is answered. `hang` is no answer; `cut` ends the connection. */
export type AnswerTo =
  | 'cut'
  | 'hang'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

export class AuditReceiver {
  readonly #server = createServer((request, response) => void this.#take(request, response));
  /** Those that were answered with 2xx, repetitions too. */
  readonly taken: Received[] = [];
  /** All, in the order of their arrival. */
  readonly requests: Received[] = [];
  /** What is wrong with a request, for example its signature. */
  readonly problems: string[] = [];
  secrets: readonly string[] = [SECRET];
  answer: (received: Received) => AnswerTo | Promise<AnswerTo> = () => ({ status: 202 });
  /** After the answer is written. */
  answered: (received: Received) => void = () => undefined;

  static async start(port = 0): Promise<AuditReceiver> {
    const receiver = new AuditReceiver();
    receiver.#server.listen(port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    onTestFinished(() => receiver.stop());
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}/events?tenant=notelett`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Sequences of a source, each where it arrived first. */
  firstArrivals(source: string): readonly number[] {
    const own = this.taken.filter((each) => each.source === source);
    return [...new Set(own.map(({ sequence }) => sequence))];
  }

  /** Ids that arrived with different bytes. */
  get changed(): readonly string[] {
    const bodies = new Map<string, string>();
    return this.taken.flatMap(({ id, body }) => {
      const known = bodies.get(id) ?? body;
      bodies.set(id, known);
      return known === body ? [] : [id];
    });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request).catch(() => undefined);
    // The sender was killed.
    if (body === undefined) return;
    const received = this.#read(request, body);
    this.requests.push(received);
    const answer = await this.answer(received);
    if (answer === 'hang') return;
    if (answer === 'cut') {
      request.socket.destroy();
      return;
    }
    if (answer.status >= 200 && answer.status < 300) this.taken.push(received);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body, () => {
      this.answered(received);
    });
  }

  #read({ headers, method, url }: IncomingMessage, body: string): Received {
    if (method !== 'POST' || url !== '/events?tenant=notelett')
      this.problems.push('method or path');
    for (const secret of this.secrets) {
      if (!isGenuine(headers, body, secret)) this.problems.push('signature');
    }
    const event = HTTP.toEvent<unknown>({ headers, body }) as CloudEvent<unknown>;
    if (!event.validate()) this.problems.push('no CloudEvent');
    if (event.id !== headers['webhook-id']) this.problems.push('id');
    if (headers['content-type'] !== 'application/cloudevents+json; charset=utf-8') {
      this.problems.push('content type');
    }
    const { id, source } = event;
    return { headers, body, id, source, sequence: Number(event['sequence']), event };
  }
}
