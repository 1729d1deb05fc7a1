/** What Cosmos DB, or the way to it, answered instead of doing as asked. @module */

interface RawFailure {
  readonly code?: unknown;
  readonly substatus?: unknown;
  readonly name?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly diagnostics?: {
    readonly clientSideRequestStatistics?: {
      readonly retryDiagnostics?: { readonly failedAttempts?: readonly RawAttempt[] };
    };
  };
}

interface RawAttempt {
  readonly statusCode?: unknown;
  readonly resourceType?: unknown;
}

const PASSING: readonly number[] = [408, 410, 449];
const LEAST_STATUS = 100;
const MOST_STATUS = 599;
const SESSION_NOT_AVAILABLE = 1_002;
const WRITE_FORBIDDEN_HERE = 3;
const ACCOUNT_NOT_FOUND_HERE = 1_008;
/** Of `@azure/identity`: no token, so nothing was sent. */
const WITHOUT_TOKEN = /^(Aggregate)?Authentication(Required)?Error$|^CredentialUnavailableError$/;
const ACTIVITY = /^[\w-]{1,64}$/;
const CODE = /^\w{1,64}$/;

/**
 * A failed request, as the `cause` of a `StoreError`: numbers and ids alone. The SDK's own errors hold
 * messages that quote items.
 */
export class CosmosFailure extends Error {
  override readonly name: string = 'CosmosFailure';
  /** HTTP status; 0 where no answer came, or none that could be read. */
  readonly status: number;
  readonly substatus: number;
  /** Where there is no status: `ECONNRESET`, say. */
  readonly code: string;
  /** What Azure's support asks for. */
  declare readonly activityId?: string;
  /** The SDK had sent the request before, and one of those times it may have been done. */
  readonly wasRepeated: boolean;
  /** Request units; refusals cost some too. */
  readonly requestCharge: number;

  constructor(details: Partial<Omit<CosmosFailure, keyof Error>>) {
    const { status = 0, substatus = 0, code = 'UNKNOWN', activityId } = details;
    super(describe(status, substatus, code));
    this.status = status;
    this.substatus = substatus;
    this.code = code;
    this.wasRepeated = details.wasRepeated ?? false;
    this.requestCharge = details.requestCharge ?? 0;
    if (activityId !== undefined) this.activityId = activityId;
  }

  /** Whether the request may have been done all the same. */
  get isUnclear(): boolean {
    if (this.status === 0) return !this.isWithoutToken;
    return PASSING.includes(this.status) || this.status >= 500;
  }

  /** Whether the same request may succeed a little later. */
  get isPassing(): boolean {
    return this.isUnclear || this.isBehind || this.isFailingOver;
  }

  /** No replica that was asked has got as far as this client's own writes. */
  get isBehind(): boolean {
    return this.status === 404 && this.substatus === SESSION_NOT_AVAILABLE;
  }

  /** The region that was asked is not, or no longer, the one for it. */
  get isFailingOver(): boolean {
    const elsewhere = [WRITE_FORBIDDEN_HERE, ACCOUNT_NOT_FOUND_HERE];
    return this.status === 403 && elsewhere.includes(this.substatus);
  }

  get isWithoutToken(): boolean {
    return this.status === 0 && WITHOUT_TOKEN.test(this.code);
  }
}

/** Takes from an error of the SDK, or an answer with a status like one, what may be kept. */
export function failureOf(error: unknown): CosmosFailure {
  if (error instanceof CosmosFailure) return error;
  const { code, name, substatus, headers, diagnostics } = (error ?? {}) as RawFailure;
  const attempts = diagnostics?.clientSideRequestStatistics?.retryDiagnostics?.failedAttempts ?? [];
  const activityId = headers?.['x-ms-activity-id'];
  return new CosmosFailure({
    status: isStatus(code) ? code : 0,
    substatus: typeof substatus === 'number' ? substatus : 0,
    code: [code, nameOf(name)].filter(isCode)[0] ?? 'UNKNOWN',
    wasRepeated: attempts.some(mayHaveBeenDone),
    requestCharge: Number(headers?.['x-ms-request-charge']) || 0,
    ...(typeof activityId === 'string' && ACTIVITY.test(activityId) && { activityId }),
  });
}

/** An attempt that the SDK followed up by another one; a throttled one was never begun. */
function mayHaveBeenDone({ statusCode, resourceType }: RawAttempt): boolean {
  return resourceType === 'docs' && statusCode !== 429;
}

/** What the SDK's own code fails with when an answer is not the JSON that it expects. */
function nameOf(name: unknown): unknown {
  return name === 'SyntaxError' || name === 'TypeError' ? 'UNREADABLE_ANSWER' : name;
}

function isStatus(code: unknown): code is number {
  return typeof code === 'number' && code >= LEAST_STATUS && code <= MOST_STATUS;
}

function isCode(code: unknown): code is string {
  return typeof code === 'string' && CODE.test(code);
}

function describe(status: number, substatus: number, code: string): string {
  if (status === 0) return `Cosmos DB gave no answer (${code})`;
  return `Cosmos DB answered ${String(status)} (substatus ${String(substatus)})`;
}
