/** What a Cosmos gateway says about the queries that a client must put together itself. @module */
import type { RawAnswer, RawRequest, RecordedRequest } from './cosmos-exchange.js';

type Item = Readonly<Record<string, unknown>>;

const COUNT = /^SELECT VALUE COUNT\(1\)/;
const COUNT_OF_RANGE = /^SELECT VALUE \[\{"item": COUNT\(1\)\}\]/;
export const RANGE_HEADER = 'x-ms-documentdb-partitionkeyrangeid';
const WHOLE_RANGE = { min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false };

/** Two physical partitions, so that clients have something to put together. */
export const RANGES: readonly Readonly<Record<string, unknown>>[] = [
  { id: '0', minInclusive: '', maxExclusive: '7F', parents: [], status: 'online' },
  { id: '1', minInclusive: '7F', maxExclusive: 'FF', parents: [], status: 'online' },
];

function queryPlan(query: string): unknown {
  const isCount = COUNT.test(query);
  return {
    partitionedQueryExecutionInfoVersion: 2,
    queryInfo: {
      distinctType: 'None',
      top: null,
      offset: null,
      limit: null,
      orderBy: [],
      orderByExpressions: [],
      groupByExpressions: [],
      groupByAliases: [],
      aggregates: isCount ? ['Count'] : [],
      groupByAliasToAggregateType: {},
      rewrittenQuery: isCount ? query.replace(COUNT, 'SELECT VALUE [{"item": COUNT(1)}]') : '',
      hasSelectValue: isCount,
      hasNonStreamingOrderBy: false,
    },
    queryRanges: [WHOLE_RANGE],
  };
}

export function answerQueryPlan({ body }: RawRequest): RawAnswer {
  const { query } = JSON.parse(body.toString()) as { readonly query: string };
  return { status: 200, headers: {}, body: queryPlan(query) };
}

/** A gateway serves no aggregate over several partitions: the client gets the plan and begins again. */
export function needsPlan(
  { headers }: RawRequest,
  { query, partitionKey }: RecordedRequest,
  isForAll: boolean,
): boolean {
  const isOfOne = partitionKey !== undefined || headers[RANGE_HEADER] !== undefined;
  return (isForAll || COUNT.test(query ?? '')) && !isOfOne;
}

export function answerNeedsPlan({ query = '' }: RecordedRequest): RawAnswer {
  return {
    status: 400,
    headers: { 'x-ms-substatus': '1004' },
    body: {
      code: 'BadRequest',
      message: 'The provided cross partition query can not be directly served by the gateway.',
      additionalErrorInfo: JSON.stringify(queryPlan(query)),
    },
  };
}

export function isRangeCount({ query }: RecordedRequest): boolean {
  return COUNT_OF_RANGE.test(query ?? '');
}

/** The query for the rows whose number was asked for. */
export function countedRows(request: RawRequest): RawRequest {
  const asked = JSON.parse(request.body.toString()) as { readonly query: string };
  const query = asked.query.replace(COUNT_OF_RANGE, 'SELECT *');
  return { ...request, body: Buffer.from(JSON.stringify({ ...asked, query })) };
}

export function rangeCount(
  { headers }: RawRequest,
  rows: readonly Item[],
  rangeOf: (row: Item) => number,
): RawAnswer {
  const count = rows.filter((row) => String(rangeOf(row)) === headers[RANGE_HEADER]).length;
  return { status: 200, headers: {}, body: { Documents: [[{ item: count }]], _count: 1 } };
}
