/** One request to the Cosmos server and its answer, as tests look at them. @module */
import type { IncomingHttpHeaders } from 'node:http';

export type CosmosKind =
  | 'account'
  | 'batch'
  | 'container'
  | 'create'
  | 'create-container'
  | 'database'
  | 'delete'
  | 'delete-container'
  | 'other'
  | 'patch'
  | 'query'
  | 'query-plan'
  | 'ranges'
  | 'read'
  | 'replace'
  | 'replace-container'
  | 'upsert';

/** A request as it came, for the server's own use. */
export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer on its way to the client; `body` is what the JSON text will say. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What tests count and look at; no item's content is kept. */
export interface RecordedRequest {
  readonly method: string;
  readonly kind: CosmosKind;
  readonly database?: string;
  readonly container?: string;
  /** Of the item; for a create it is taken from the body. */
  readonly id?: string;
  /** As the header has it: `["w1"]`. */
  readonly partitionKey?: string;
  /** The text of a query. */
  readonly query?: string;
  readonly continuation?: string;
  readonly consistency?: string;
  /** What the client has seen of the container, as it remembers it. */
  readonly sessionToken?: string;
  readonly ifMatch?: string;
  /** Asked for with a container. */
  readonly throughput?: string;
  /** Of the answer; absent while there is none, and where the connection was reset. */
  status?: number;
  /** A fault of the script was put in its way. */
  faulted: boolean;
}

const PATH =
  /^\/+(?:dbs(?:\/([^/]+))?(?:\/(colls)(?:\/([^/]+))?)?(?:\/(docs|pkranges)(?:\/(.+?))?)?)?\/*$/;
const ITEM_KINDS: Readonly<Record<string, CosmosKind>> = {
  GET: 'read',
  PUT: 'replace',
  DELETE: 'delete',
  PATCH: 'patch',
};
const CONTAINER_KINDS: Readonly<Record<string, CosmosKind>> = {
  GET: 'container',
  POST: 'create-container',
  PUT: 'replace-container',
  DELETE: 'delete-container',
};

export function recordRequest(request: RawRequest): RecordedRequest {
  const { method, url, headers, body } = request;
  const [, database, colls, container, part, id] = PATH.exec(url.split('?')[0] ?? '') ?? [];
  const kind = kindOf(request, { database, colls, part, id });
  const sent = kind === 'create' || kind === 'query' ? parsed(body) : undefined;
  return {
    method,
    kind,
    ...present({ id: textAt(sent, 'id') }),
    ...decoded({ database, container, id }),
    ...present({
      partitionKey: headers['x-ms-documentdb-partitionkey'],
      continuation: headers['x-ms-continuation'],
      consistency: headers['x-ms-consistency-level'],
      sessionToken: headers['x-ms-session-token'],
      ifMatch: headers['if-match'],
      throughput: headers['x-ms-offer-throughput'],
      query: textAt(sent, 'query'),
    }),
    faulted: false,
  };
}

type PathParts = Readonly<Record<'colls' | 'database' | 'id' | 'part', string | undefined>>;

function kindOf({ method, url, headers }: RawRequest, parts: PathParts): CosmosKind {
  if (parts.part === 'pkranges') return 'ranges';
  if (parts.part === 'docs') {
    if (parts.id !== undefined) return ITEM_KINDS[method] ?? 'other';
    if (headers['x-ms-cosmos-is-query-plan-request'] !== undefined) return 'query-plan';
    if (headers['content-type'] === 'application/query+json') return 'query';
    if (headers['x-ms-documentdb-is-upsert'] !== undefined) return 'upsert';
    if (headers['x-ms-cosmos-is-batch-request'] !== undefined) return 'batch';
    return method === 'POST' ? 'create' : 'other';
  }
  if (parts.colls !== undefined) return CONTAINER_KINDS[method] ?? 'other';
  if (url.startsWith('/dbs')) return 'database';
  return url.replaceAll('/', '') === '' ? 'account' : 'other';
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}

function textAt(value: unknown, name: string): string | undefined {
  const found = (value as Record<string, unknown> | null | undefined)?.[name];
  return typeof found === 'string' ? found : undefined;
}

type Texts = Partial<Record<string, string>>;

function decoded(parts: Readonly<Record<string, string | undefined>>): Texts {
  const entries = Object.entries(present(parts));
  return Object.fromEntries(entries.map(([name, text]) => [name, decodeURIComponent(text ?? '')]));
}

function present(parts: Readonly<Record<string, string[] | string | undefined>>): Texts {
  const entries = Object.entries(parts).filter(([, text]) => text !== undefined);
  return Object.fromEntries(entries.map(([name, text]) => [name, String(text)]));
}
