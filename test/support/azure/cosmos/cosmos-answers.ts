/** What the Cosmos server answers: the emulator's answers, corrected or distorted. @module */
import type { CosmosEmulator } from './cosmos-emulator.js';
import type { CosmosKind, RawAnswer, RawRequest, RecordedRequest } from './cosmos-exchange.js';
import { asEmulatorTakesIt, asServiceAnswers, isTooLarge } from './deviations.js';
import type { CosmosFault } from './fault-script.js';
import { ItemHistory } from './item-history.js';
import {
  documentsOf,
  emptyPage,
  hasForeignToken,
  ItemPages,
  withDocuments,
  withoutPaging,
} from './item-pages.js';
import {
  answerNeedsPlan,
  answerQueryPlan,
  countedRows,
  isRangeCount,
  needsPlan,
  rangeCount,
  RANGES,
} from './query-plan.js';

type Item = Readonly<Record<string, unknown>>;

export interface AccountSettings {
  /** @default 'Session' */
  consistency: string;
  /** @default false */
  multipleWriteRegions: boolean;
  /** Whether a missing container is distinguished from a missing item. @default true */
  saysOwnerIsMissing: boolean;
  /** Items on a page, however many were asked for; a service has limits of its own. @default none */
  mostItemsOnPage: number;
  /** Whether the gateway leaves every query over all partitions to the client. @default counts alone */
  leavesQueriesToClient: boolean;
  /** Request units by kind; others cost nothing. */
  charges: Partial<Record<CosmosKind, number>>;
}

const CHARGES: AccountSettings['charges'] = {
  container: 1,
  create: 6,
  delete: 6,
  query: 3,
  read: 1,
  replace: 10,
};
const ITEM_KINDS: readonly CosmosKind[] = ['create', 'delete', 'patch', 'query', 'read', 'replace'];
const OWNER_MISSING = '1003';
const ACTIVITY = 'x-ms-activity-id';

export class CosmosAnswers {
  readonly account: AccountSettings = {
    consistency: 'Session',
    multipleWriteRegions: false,
    saysOwnerIsMissing: true,
    mostItemsOnPage: Infinity,
    leavesQueriesToClient: false,
    charges: { ...CHARGES },
  };
  readonly #emulator: CosmosEmulator;
  readonly #history = new ItemHistory();
  readonly #pages = new ItemPages();
  /** Resource ids by container. */
  readonly #containers = new Map<string, string>();
  #writes = 0;

  constructor(emulator: CosmosEmulator) {
    this.#emulator = emulator;
  }

  async answer(
    request: RawRequest,
    record: RecordedRequest,
    fault: CosmosFault = {},
  ): Promise<RawAnswer> {
    if (fault.status !== undefined && !fault.applied) return this.#billed(record, refusal(fault));
    const answer = this.#inSession(record, await this.#answer(request, record, fault));
    return this.#billed(record, fault.status === undefined ? answer : refusal(fault));
  }

  async #answer(
    request: RawRequest,
    record: RecordedRequest,
    fault: CosmosFault,
  ): Promise<RawAnswer> {
    const { kind } = record;
    if (kind === 'account') return this.#announce(await this.#emulator.forward(request));
    if (kind === 'query-plan') return answerQueryPlan(request);
    if (ITEM_KINDS.includes(kind) && !this.#containers.has(containerOf(record))) {
      const substatus = this.account.saysOwnerIsMissing ? OWNER_MISSING : '0';
      return error(404, 'NotFound', 'Owner resource does not exist', substatus);
    }
    if (kind === 'ranges') {
      return { status: 200, headers: {}, body: { PartitionKeyRanges: RANGES, _count: 2 } };
    }
    if (kind === 'query') return this.#query(request, record, fault);
    if (kind === 'read' && fault.stale) return itemOrNotFound(this.#history.before(record));
    if (isTooLarge(request))
      return error(413, 'RequestEntityTooLarge', 'Request size is too large');
    const answer = asServiceAnswers(await this.#emulator.forward(asEmulatorTakesIt(request)));
    this.#remember(request, record, answer);
    return answer;
  }

  async #query(
    request: RawRequest,
    record: RecordedRequest,
    fault: CosmosFault,
  ): Promise<RawAnswer> {
    const { leavesQueriesToClient } = this.account;
    if (needsPlan(request, record, leavesQueriesToClient)) return answerNeedsPlan(record);
    if (hasForeignToken(request)) {
      return error(400, 'BadRequest', 'Invalid Continuation Token', '0');
    }
    if (fault.emptyPage) return emptyPage(request);
    const everything = withoutPaging(request);
    if (isRangeCount(record)) {
      const rows = await this.#emulator.forward(countedRows(everything));
      if (rows.status !== 200) return rows;
      return rangeCount(request, documentsOf(rows), (row) => this.#pages.rangeOf(row));
    }
    const found = asServiceAnswers(await this.#emulator.forward(everything));
    if (found.status !== 200 || !documentsOf(found).every(isItem)) return found;
    const page = this.#pages.page(request, found, { ...fault, most: this.account.mostItemsOnPage });
    const items = documentsOf(page);
    const { stale } = fault;
    const shown = stale
      ? this.#history.pageBefore(record, items)
      : this.#history.page(record, items);
    return withDocuments(page, shown);
  }

  #announce(answer: RawAnswer): RawAnswer {
    const { consistency, multipleWriteRegions } = this.account;
    const body = {
      ...(answer.body as Item),
      enableMultipleWriteLocations: multipleWriteRegions,
      userConsistencyPolicy: { defaultConsistencyLevel: consistency },
    };
    return { ...answer, body };
  }

  #remember({ body }: RawRequest, record: RecordedRequest, answer: RawAnswer): void {
    if (answer.status >= 300) return;
    const { kind, database = '' } = record;
    const item = answer.body as Item | undefined;
    this.#writes += 1;
    if (kind === 'create' || kind === 'replace') {
      this.#history.add(record, item);
      if (item) this.#pages.know(item);
    }
    if (kind === 'delete') this.#history.add(record, undefined);
    if (kind === 'delete-container') this.#containers.delete(containerOf(record));
    if (kind !== 'create-container') return;
    const { id, partitionKey } = JSON.parse(body.toString()) as CreatedContainer;
    this.#containers.set(`${database}/${id}`, String(item?.['_rid']));
    this.#history.knowContainer(database, id, partitionKey?.paths[0] ?? '/id');
  }

  /** How far the container had got: clients that ask for a session say so when they come again. */
  #inSession(record: RecordedRequest, answer: RawAnswer): RawAnswer {
    const owner = this.#containers.get(containerOf(record));
    if (!ITEM_KINDS.includes(record.kind) || owner === undefined) return answer;
    const token = `0:1#${String(this.#writes)}`;
    const session = { 'x-ms-session-token': token, 'x-ms-content-path': owner };
    return { ...answer, headers: { ...answer.headers, ...session } };
  }

  #billed({ kind }: RecordedRequest, answer: RawAnswer): RawAnswer {
    const charge = this.account.charges[kind];
    const headers = new Map(Object.entries(answer.headers));
    if (!headers.has(ACTIVITY)) headers.set(ACTIVITY, crypto.randomUUID());
    // The emulator's own is always 1.
    headers.delete('x-ms-request-charge');
    if (charge !== undefined) headers.set('x-ms-request-charge', String(charge));
    return { ...answer, headers: Object.fromEntries(headers) };
  }
}

interface CreatedContainer {
  readonly id: string;
  readonly partitionKey?: { readonly paths: readonly string[] };
}

function refusal(fault: CosmosFault): RawAnswer {
  const { status = 500, substatus, retryAfterMs, headers } = fault;
  const { code = 'Scripted', message = 'a scripted answer' } = fault;
  return {
    status,
    headers: {
      ...(substatus !== undefined && { 'x-ms-substatus': String(substatus) }),
      ...(retryAfterMs !== undefined && { 'x-ms-retry-after-ms': String(retryAfterMs) }),
      ...headers,
    },
    body: { code, message },
  };
}

function error(status: number, code: string, message: string, substatus?: string): RawAnswer {
  const headers = substatus === undefined ? {} : { 'x-ms-substatus': substatus };
  return { status, headers, body: { code, message } };
}

function itemOrNotFound(item: Item | undefined): RawAnswer {
  if (!item) return error(404, 'NotFound', 'Entity with the specified id does not exist');
  return { status: 200, headers: { etag: String(item['_etag']) }, body: item };
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && '_rid' in value;
}

function containerOf({ database, container }: RecordedRequest): string {
  return `${String(database)}/${String(container)}`;
}
