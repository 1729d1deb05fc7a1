/** A failed answer of Cosmos DB, or of the network on the way to it. @module */

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
/** Errors of `@azure/identity`: there was no token, so no request was sent. */
const WITHOUT_TOKEN = /^(Aggregate)?Authentication(Required)?Error$|^CredentialUnavailableError$/;
const ACTIVITY = /^[\w-]{1,64}$/;
const CODE = /^\w{1,64}$/;

type Detail = 'activityId' | 'code' | 'requestCharge' | 'status' | 'substatus' | 'wasRepeated';

/**
 * A failed request, as the `cause` of a `StoreError`: numbers and ids alone. The SDK's own errors have
 * messages that quote items.
 */
export class CosmosFailure extends Error {
  override readonly name: string = 'CosmosFailure';
  /** HTTP status; 0 where no readable answer arrived. */
  readonly status: number;
  readonly substatus: number;
  /** Where there is no status: for example `ECONNRESET`. */
  readonly code: string;
  /** The id that Azure's support asks for. */
  declare readonly activityId?: string;
  /** The SDK had sent the request before, and an earlier attempt may have succeeded. */
  readonly wasRepeated: boolean;
  /** Request units; refusals are charged too. */
  readonly requestCharge: number;

  constructor(details: { readonly [Name in Detail]?: CosmosFailure[Name] | undefined }) {
    const { status = 0, substatus = 0, code = 'UNKNOWN', activityId } = details;
    super(describe(status, substatus, code));
    this.status = status;
    this.substatus = substatus;
    this.code = code;
    this.wasRepeated = details.wasRepeated ?? false;
    this.requestCharge = details.requestCharge ?? 0;
    if (activityId !== undefined) this.activityId = activityId;
  }

  /** Whether the request may have succeeded in spite of the failure. */
  get isUnclear(): boolean {
    if (this.status === 0) return !this.isWithoutToken;
    return PASSING.includes(this.status) || this.status >= 500;
  }

  /** Whether the same request may succeed a little later. */
  get isPassing(): boolean {
    return this.isUnclear || this.isBehind || this.isFailingOver;
  }

  /** No replica that was read has caught up with this client's own writes. */
  get isBehind(): boolean {
    return this.status === 404 && this.substatus === SESSION_NOT_AVAILABLE;
  }

  /** The region that was used is not, or no longer, responsible for the request. */
  get isFailingOver(): boolean {
    const elsewhere = [WRITE_FORBIDDEN_HERE, ACCOUNT_NOT_FOUND_HERE];
    return this.status === 403 && elsewhere.includes(this.substatus);
  }

  get isWithoutToken(): boolean {
    return this.status === 0 && WITHOUT_TOKEN.test(this.code);
  }
}

/** Copies from an error of the SDK, or from an answer with an error status, what is safe to keep. */
export function failureOf(error: unknown): CosmosFailure {
  if (error instanceof CosmosFailure) return error;
  const { code, name, substatus, headers, diagnostics } = (error ?? {}) as RawFailure;
  const attempts = diagnostics?.clientSideRequestStatistics?.retryDiagnostics?.failedAttempts ?? [];
  const activityId = headers?.['x-ms-activity-id'];
  return new CosmosFailure({
    status: isStatus(code) ? code : 0,
    substatus: typeof substatus === 'number' ? substatus : 0,
    code: [code, nameOf(name)].filter(isCode)[0] ?? 'UNKNOWN',
    wasRepeated: attempts.some(mayHaveSucceeded),
    requestCharge: Number(headers?.['x-ms-request-charge']) || 0,
    ...(typeof activityId === 'string' && ACTIVITY.test(activityId) && { activityId }),
  });
}

/** An attempt that the SDK retried; a throttled attempt was never executed. */
function mayHaveSucceeded({ statusCode, resourceType }: RawAttempt): boolean {
  return resourceType === 'docs' && statusCode !== 429;
}

/** The SDK's own code throws these when an answer is not the expected JSON. */
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
  if (status === 0) return `Cosmos DB did not answer (${code})`;
  return `Cosmos DB answered ${String(status)} (substatus ${String(substatus)})`;
}
