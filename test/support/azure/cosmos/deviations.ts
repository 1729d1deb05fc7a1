/** How the emulator differs from the service, and what is done about each. @module */
import type { RawAnswer, RawRequest } from './cosmos-exchange.js';

/** Our server answers as the service does, although the emulator would not. */
export const CORRECTED: readonly string[] = [
  'every answer closes its connection: an undocumented option of the emulator keeps them open',
  'etags are bare: quoted on the way out, and back on the way in',
  'If-Match: * is compared like any other etag: the service takes it for "whatever is there"',
  'every answer costs 1 request unit: here by kind of request, as the service bills them roughly',
  'an item may be of any size: the service refuses 2 MB',
  'a container that does not exist makes creates fail with 500: the service answers 404, and most often says substatus 1003',
  'a continuation of something else begins anew: the service answers 400',
  'replaced items move to the end of a listing, and come again there: the service keeps their place',
  'queries lose a property named __proto__: a page shows its items as they were written',
  'the request for a query plan is answered with documents: the service answers with a plan',
  'a count over all partitions is answered at once: the gateway has the client put it together by partition',
  'there is one physical partition: here it looks like two',
  'there are no session tokens: here every write makes a new one',
];

/** Not corrected: the tests go round these, and nothing in the library is written for them. */
export const LEFT: readonly string[] = [
  'a query is not kept to the partition key of its header: so a condition missing from the text shows',
  'of a hierarchical partition key only the first level counts: so stores are tested with one level',
  'there are no replicas: what lags is scripted instead',
  'time to live, throughput, 429 and 449 do not occur: scripted instead',
  'replacing a container wipes its items: the library never does it, and a test looks',
  'batches are not atomic, changes cannot be followed, patches know no condition: the library uses none of them',
  'whatever the key or token, it is let in: 401 and 403 are scripted',
];

const MOST_BYTES = 2 * 1_024 * 1_024;
const ETAG = 'etag';
const IF_MATCH = 'if-match';

/** What is asked of the emulator in place of what the client sent. */
export function asEmulatorTakesIt(request: RawRequest): RawRequest {
  const { [IF_MATCH]: condition, ...headers } = request.headers;
  if (condition === undefined || condition === '*') return { ...request, headers };
  return { ...request, headers: { ...headers, [IF_MATCH]: unquoted(condition) } };
}

/** What the client gets in place of what the emulator answered. */
export function asServiceAnswers({ status, headers, body }: RawAnswer): RawAnswer {
  const { [ETAG]: etag, ...others } = headers;
  return {
    status,
    headers: { ...others, ...(etag !== undefined && { etag: quoted(etag) }) },
    ...(body !== undefined && { body: withQuotedEtags(body) }),
  };
}

export function isTooLarge({ body }: RawRequest): boolean {
  return body.length > MOST_BYTES;
}

function withQuotedEtags(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { Documents: documents, _etag: etag } = body as Record<string, unknown>;
  if (Array.isArray(documents)) return { ...body, Documents: documents.map(withQuotedEtags) };
  return typeof etag === 'string' ? { ...body, _etag: quoted(etag) } : body;
}

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}
