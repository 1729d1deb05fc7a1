/** A collector on loopback: takes what is exported by OTLP over HTTP; also outside of tests. @module */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number; readonly message?: string };
}

export class Collector {
  readonly received: Received[] = [];
  /** Whether requests are answered. */
  answers = true;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.received.push({ url: request.url ?? '', headers: request.headers, body });
        if (!this.answers) return;
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${String(port)}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Those of all requests, in the order of their ends. */
  spans(): readonly ReceivedSpan[] {
    return this.#bodiesOf('/v1/traces').flatMap((body) => {
      const { resourceSpans } = body as WireTraces;
      const wire = resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((each) => each.spans),
      );
      return wire.map((span) => ({ ...span, attributes: attributesOf(span.attributes) }));
    });
  }

  /** Names of all metrics. */
  metrics(): readonly string[] {
    const names = this.#bodiesOf('/v1/metrics').flatMap((body) => {
      const { resourceMetrics } = body as WireMetrics;
      const scopes = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics);
      return scopes.flatMap(({ metrics }) => metrics.map(({ name }) => name));
    });
    return [...new Set(names)];
  }

  #bodiesOf(path: string): readonly unknown[] {
    const own = this.received.filter(({ url }) => url === path);
    return own.map(({ body }) => JSON.parse(body) as unknown);
  }
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireTraces {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, 'attributes'> & {
        readonly attributes: readonly WireAttribute[];
      })[];
    }[];
  }[];
}

interface WireMetrics {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
}

function attributesOf(wire: readonly WireAttribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(wire.map(({ key, value }) => [key, Object.values(value)[0]]));
}
