/** Reads the environment once, and reports everything that is wrong with it at once. @module */
import { DEVELOPMENT_JWT, DEVELOPMENT_KEY } from './development.js';
import type { HmacKey, TokenSettings } from './tokens.js';
import { variablesSchema, type Variables } from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export type StoreSettings =
  | { readonly kind: 'sqlite'; readonly file: string }
  | {
      readonly kind: 'cosmos';
      readonly endpoint: string;
      readonly key: string | undefined;
      readonly database: string;
    };

export type AuditSettings =
  | { readonly kind: 'file'; readonly file: string }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly secrets: readonly string[];
      readonly folder: string;
    };

/** Where metrics and traces are sent. */
export interface OtlpSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly headers: Record<string, string>;
  readonly metricIntervalMs: number;
  readonly traceRatio: number;
}

export interface TelemetrySettings {
  readonly serviceName: string;
  /** For scrapes; absent where there are none. */
  readonly metricsToken: string | undefined;
  readonly otlp: OtlpSettings | undefined;
}

export interface Config {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  readonly logLevel: Variables['LOG_LEVEL'];
  readonly trustProxy: boolean;
  readonly bodyLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly rateLimitPerMinute: number;
  readonly maxEventLoopDelayMs: number;
  readonly readinessCacheMs: number;
  readonly shutdownDelayMs: number;
  readonly shutdownTimeoutMs: number;
  readonly stores: StoreSettings;
  readonly audit: AuditSettings | undefined;
  /** Absent where nothing is measured. */
  readonly telemetry: TelemetrySettings | undefined;
  readonly tokens: TokenSettings;
  /** What `initEncryption` of the library reads. */
  readonly encryption: Environment;
  readonly allowLoopbackVault: boolean;
}

export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
}

/** Lists every problem, by variable and never with its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, problem }) => `\n- ${variable} ${problem}`);
    super(`The service is not configured:${lines.join('')}`);
    this.problems = problems;
  }
}

/** @throws ConfigError that lists every problem. */
export function readConfig(environment: Environment): Config {
  // A variable that is set to nothing counts as absent, as in most shells and manifests.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const read = variablesSchema.safeParse(given);
  const problems = [
    ...(read.error?.issues ?? []).map(({ path, message }) => ({
      variable: String(path[0]),
      problem: message,
    })),
    ...problemsTogether(given),
  ];
  if (!read.data || problems.length > 0) throw new ConfigError(problems);
  return configOf(read.data, given);
}

/** What is wrong with variables that are right one by one. */
function problemsTogether(given: Environment): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report = (variable: string, problem: string): void => {
    problems.push({ variable, problem });
  };
  const needs = (variable: string, other: string): void => {
    if (given[variable] && !given[other]) report(other, `must be set with ${variable}`);
  };
  needs('JWT_CURRENT_KID', 'JWT_CURRENT_SECRET');
  needs('JWT_CURRENT_SECRET', 'JWT_CURRENT_KID');
  needs('JWT_PREVIOUS_KID', 'JWT_PREVIOUS_SECRET');
  needs('JWT_PREVIOUS_SECRET', 'JWT_PREVIOUS_KID');
  needs('JWT_PREVIOUS_KID', 'JWT_CURRENT_KID');
  needs('COSMOS_KEY', 'COSMOS_ENDPOINT');
  needs('AUDIT_URL', 'AUDIT_SECRETS');
  needs('AUDIT_SECRETS', 'AUDIT_URL');
  needs('OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_ENDPOINT');
  if (given['AUDIT_FILE'] && given['AUDIT_URL'])
    report('AUDIT_URL', 'must not be set with AUDIT_FILE');
  if (isExposed(given['AUDIT_URL'])) report('AUDIT_URL', 'must be https:// for another machine');
  if (given['OTEL_EXPORTER_OTLP_HEADERS'] && isExposed(given['OTEL_EXPORTER_OTLP_ENDPOINT'])) {
    report(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'must be https:// for another machine, with OTEL_EXPORTER_OTLP_HEADERS',
    );
  }
  if (given['JWT_PREVIOUS_KID'] && given['JWT_PREVIOUS_KID'] === given['JWT_CURRENT_KID']) {
    report('JWT_PREVIOUS_KID', 'must not be JWT_CURRENT_KID');
  }
  if (given['FIELD_ENCRYPT_KEY_PROVIDER'] === 'akv') {
    needs('FIELD_ENCRYPT_KEY_PROVIDER', 'AZURE_KEYVAULT_URL');
  }
  needs('AZURE_KEYVAULT_URL', 'FIELD_ENCRYPT_MEK_NAME');
  if (given['NODE_ENV'] === 'production') problems.push(...problemsInProduction(given));
  return problems;
}

/** Sent over the network for everyone to read. */
function isExposed(address = ''): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

function problemsInProduction(given: Environment): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (isWrong: boolean, variable: string, problem: string): void => {
    if (isWrong) problems.push({ variable, problem });
  };
  const keys = given['JWT_CURRENT_KID'] ?? given['JWT_JWKS_URL'];
  const secrets = [given['JWT_CURRENT_SECRET'], given['JWT_PREVIOUS_SECRET']];
  const jwks = given['JWT_JWKS_URL'] ?? 'https:';
  refuse(!keys, 'JWT_CURRENT_KID', 'or JWT_JWKS_URL must be set in production');
  refuse(
    secrets.includes(DEVELOPMENT_JWT.secret),
    'JWT_CURRENT_SECRET',
    'must not be the secret for development in production',
  );
  refuse(!jwks.startsWith('https:'), 'JWT_JWKS_URL', 'must be https:// in production');
  refuse(
    providerOf(given) !== 'akv',
    'FIELD_ENCRYPT_KEY_PROVIDER',
    'must be akv in production, with AZURE_KEYVAULT_URL and FIELD_ENCRYPT_MEK_NAME',
  );
  refuse(
    given['FIELD_ENCRYPT_ENABLED'] === 'false',
    'FIELD_ENCRYPT_ENABLED',
    'must be true in production',
  );
  refuse(
    given['AZURE_ALLOW_LOOPBACK_VAULT'] === 'true',
    'AZURE_ALLOW_LOOPBACK_VAULT',
    'must be false in production',
  );
  return problems;
}

function configOf(variables: Variables, given: Environment): Config {
  return {
    isProduction: variables.NODE_ENV === 'production',
    host: variables.HOST,
    port: variables.PORT,
    logLevel: variables.LOG_LEVEL,
    trustProxy: variables.TRUST_PROXY,
    bodyLimitBytes: variables.BODY_LIMIT_BYTES,
    requestTimeoutMs: variables.REQUEST_TIMEOUT_MS,
    rateLimitPerMinute: variables.RATE_LIMIT_PER_MINUTE,
    maxEventLoopDelayMs: variables.MAX_EVENT_LOOP_DELAY_MS,
    readinessCacheMs: variables.READINESS_CACHE_MS,
    shutdownDelayMs: variables.SHUTDOWN_DELAY_MS,
    shutdownTimeoutMs: variables.SHUTDOWN_TIMEOUT_MS,
    stores: storesOf(variables),
    audit: auditOf(variables),
    telemetry: telemetryOf(variables),
    tokens: tokensOf(variables),
    encryption: encryptionOf(variables, given),
    allowLoopbackVault: variables.AZURE_ALLOW_LOOPBACK_VAULT,
  };
}

function storesOf(variables: Variables): StoreSettings {
  const { COSMOS_ENDPOINT: endpoint, COSMOS_KEY: key, COSMOS_DATABASE: database } = variables;
  if (!endpoint) return { kind: 'sqlite', file: variables.DATABASE_FILE };
  return { kind: 'cosmos', endpoint: endpoint.href, key, database };
}

function auditOf(variables: Variables): AuditSettings | undefined {
  const { AUDIT_FILE: file, AUDIT_URL: url, AUDIT_SECRETS: secrets = [] } = variables;
  if (url) return { kind: 'http', url: url.href, secrets, folder: variables.AUDIT_SPOOL };
  return file === undefined ? undefined : { kind: 'file', file };
}

function telemetryOf(variables: Variables): TelemetrySettings | undefined {
  const { METRICS_TOKEN: metricsToken, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = variables;
  if (metricsToken === undefined && !endpoint) return undefined;
  const otlp = endpoint && {
    endpoint: endpoint.href.replace(/\/+$/, ''),
    headers: { ...variables.OTEL_EXPORTER_OTLP_HEADERS },
    metricIntervalMs: variables.OTEL_METRIC_EXPORT_INTERVAL,
    traceRatio: variables.OTEL_TRACES_SAMPLER_ARG,
  };
  return { serviceName: variables.OTEL_SERVICE_NAME, metricsToken, otlp };
}

function tokensOf(variables: Variables): TokenSettings {
  const { JWT_CURRENT_KID, JWT_CURRENT_SECRET, JWT_JWKS_URL: jwksUrl } = variables;
  const current = hmacKey(JWT_CURRENT_KID, JWT_CURRENT_SECRET);
  const needsDefault = !current && !jwksUrl && variables.NODE_ENV !== 'production';
  return {
    issuer: variables.JWT_ISSUER,
    audience: variables.JWT_AUDIENCE,
    current: needsDefault ? hmacKey(DEVELOPMENT_JWT.kid, DEVELOPMENT_JWT.secret) : current,
    previous: hmacKey(variables.JWT_PREVIOUS_KID, variables.JWT_PREVIOUS_SECRET),
    jwksUrl,
    refusedKids: variables.JWT_REFUSED_KIDS ?? [],
  };
}

function hmacKey(kid: string | undefined, secret: string | undefined): HmacKey | undefined {
  return kid && secret ? { kid, secret: Buffer.from(secret, 'base64url') } : undefined;
}

function providerOf(given: Environment): string {
  return given['FIELD_ENCRYPT_KEY_PROVIDER'] ?? (given['AZURE_KEYVAULT_URL'] ? 'akv' : 'env');
}

/** Variables that begin so and are not ours are passed on: the library says what is wrong with them. */
function encryptionOf(variables: Variables, given: Environment): Environment {
  const own = Object.entries(given).filter(([name]) => /^(FIELD_ENCRYPT|AZURE)_/.test(name));
  const provider = providerOf(given);
  const needsKey = provider === 'env' && variables.NODE_ENV !== 'production';
  return {
    NODE_ENV: variables.NODE_ENV,
    FIELD_ENCRYPT_ENABLED: variables.FIELD_ENCRYPT_ENABLED,
    FIELD_ENCRYPT_PRODUCT: variables.FIELD_ENCRYPT_PRODUCT,
    FIELD_ENCRYPT_KEY_PROVIDER: provider,
    ...(needsKey && { FIELD_ENCRYPT_KEY: DEVELOPMENT_KEY }),
    ...Object.fromEntries(own),
  };
}
