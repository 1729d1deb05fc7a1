/** Every environment variable of the service: its form, its default, and what it is for. @module */
import { z } from 'zod';

const FLAG_TEXT = 'must be true or false';
const KEY = /^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=|[A-Za-z0-9_-]{43})$/;
const KEY_TEXT = '32 bytes as base64, base64url or hex';
const WORD = /^[\w.-]{1,64}$/;

function text(problem = 'must not be empty'): z.ZodString {
  return z.string().min(1, { error: problem });
}

function matching(pattern: RegExp, problem: string): z.ZodString {
  return z.string().regex(pattern, { error: problem });
}

function integer(from: number, to: number) {
  const error = `must be a whole number from ${String(from)} to ${String(to)}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((number) => number >= from && number <= to, { error });
}

function flag() {
  return z.enum(['true', 'false'], { error: FLAG_TEXT }).transform((value) => value === 'true');
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

function url(protocols: RegExp, problem: string) {
  return z.url({ protocol: protocols, error: problem }).transform((value) => new URL(value));
}

/** One that paths are appended to. */
function baseUrl(problem: string) {
  return url(/^https?$/, problem).refine(
    ({ username, password, search, hash }) => username + password + search + hash === '',
    { error: problem },
  );
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function headersOf(value: string): Readonly<Record<string, string>> | undefined {
  const pairs = value.split(',').map((pair) => /^\s*([\w.-]+)=(\S+)\s*$/.exec(pair));
  try {
    const decoded = pairs.map((pair): [string, string] => [
      pair?.[1] ?? '',
      decodeURIComponent(pair?.[2] ?? ''),
    ]);
    const isRight = decoded.every(([, text]) => /^[\x20-\x7e]+$/.test(text));
    return isRight ? Object.fromEntries(decoded) : undefined;
  } catch {
    return undefined;
  }
}

function headers(problem: string) {
  return z
    .string()
    .refine((value) => headersOf(value) !== undefined, { error: problem })
    .transform((value) => headersOf(value) ?? {});
}

function list(item: RegExp, problem: string) {
  const parts = (value: string): string[] => value.split(',').map((part) => part.trim());
  return z
    .string()
    .refine((value) => parts(value).every((part) => item.test(part)), { error: problem })
    .transform(parts);
}

const secret = (what: string) => matching(/^[A-Za-z0-9_-]{43,172}$/, `must be ${what}`);
const AUDIT_SECRETS_TEXT = 'must be one or two secrets, whsec_…, separated by commas';
const SECRET_TEXT = '32 to 128 random bytes as base64url';

export const variablesSchema = z.object({
  NODE_ENV: oneOf(['development', 'test', 'production'])
    .prefault('development')
    .describe('`production` refuses the keys and secrets for development.'),
  HOST: text().prefault('127.0.0.1').describe('Address to listen on; `0.0.0.0` in a container.'),
  PORT: integer(0, 65_535).prefault('4016').describe('TCP port; `0` takes a free one.'),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .prefault('info')
    .describe('Least severe log lines to write.'),
  TRUST_PROXY: flag()
    .prefault('false')
    .describe('`true` behind a proxy that sets `x-forwarded-for`.'),
  BODY_LIMIT_BYTES: integer(1_024, 1_048_576)
    .prefault('262144')
    .describe('Largest body of a request.'),
  REQUEST_TIMEOUT_MS: integer(100, 600_000)
    .prefault('15000')
    .describe('How long a request may wait for the vault and the database.'),
  RATE_LIMIT_PER_MINUTE: integer(0, 10_000_000)
    .prefault('1200')
    .describe('Requests of one caller; `0` for no limit.'),
  MAX_EVENT_LOOP_DELAY_MS: integer(0, 60_000)
    .prefault('1000')
    .describe('Delay of the event loop from which requests are refused; `0` for never.'),
  READINESS_CACHE_MS: integer(0, 600_000)
    .prefault('10000')
    .describe('How long an answer about readiness is used again: each one calls the vault.'),
  SHUTDOWN_DELAY_MS: integer(0, 600_000)
    .prefault('0')
    .describe('How long to go on after SIGTERM while load balancers read “not ready”.'),
  SHUTDOWN_TIMEOUT_MS: integer(100, 600_000)
    .prefault('10000')
    .describe('How long requests may take to finish after that.'),
  DATABASE_FILE: text().prefault('notes.db').describe('SQLite file, without `COSMOS_ENDPOINT`.'),
  AUDIT_FILE: text()
    .optional()
    .describe('File for the audit trail: shredded keys, and notes that cannot be opened.'),
  AUDIT_URL: baseUrl('must be an address, https://…, without user and query')
    .optional()
    .describe('Service that the audit trail is sent to, in place of `AUDIT_FILE`.'),
  AUDIT_SECRETS: list(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/, AUDIT_SECRETS_TEXT)
    .refine(({ length }) => length <= 2, { error: AUDIT_SECRETS_TEXT })
    .optional()
    .describe('Secrets that sign what is sent, `whsec_…`, separated by commas.'),
  AUDIT_SPOOL: text()
    .prefault('audit-spool')
    .describe('Folder for what is not yet sent, on a disk that stays.'),
  METRICS_TOKEN: secret(SECRET_TEXT)
    .optional()
    .describe(`Opens \`/metrics\` to Prometheus, which sends it: ${SECRET_TEXT}.`),
  OTEL_SERVICE_NAME: text()
    .prefault('notes-backend')
    .describe('Name of the service in metrics and traces.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: baseUrl('must be an address, https://…, without user and query')
    .optional()
    .describe('Collector that metrics and traces are sent to, by OTLP over HTTP.'),
  OTEL_EXPORTER_OTLP_HEADERS: headers('must be name=value, percent-encoded, separated by commas')
    .optional()
    .describe('Headers for it, `name=value`, separated by commas.'),
  OTEL_METRIC_EXPORT_INTERVAL: integer(1_000, 3_600_000)
    .prefault('60000')
    .describe('Milliseconds between the metrics that are sent.'),
  OTEL_TRACES_SAMPLER_ARG: matching(/^(0(\.\d{1,6})?|1(\.0{1,6})?)$/, 'must be from 0 to 1')
    .transform(Number)
    .prefault('1')
    .describe('Share of requests that are traced, where the caller does not decide it.'),
  COSMOS_ENDPOINT: url(/^https$/, 'must be an address, https://…')
    .optional()
    .describe('Account of Cosmos DB; notes and wrapped keys are then there.'),
  COSMOS_KEY: text().optional().describe('Its key, which also lets the service create containers.'),
  COSMOS_DATABASE: text().prefault('notelett').describe('Its database.'),
  AZURE_ALLOW_LOOPBACK_VAULT: flag()
    .prefault('false')
    .describe('`true` for a vault emulator; never in production.'),
  JWT_ISSUER: text().prefault('notes-backend').describe('Required `iss` of tokens.'),
  JWT_AUDIENCE: text().prefault('notes-backend').describe('Required `aud` of tokens.'),
  JWT_CURRENT_KID: matching(WORD, 'must be 1 to 64 letters, digits, or . _ -')
    .optional()
    .describe('`kid` of the HMAC key that signs.'),
  JWT_CURRENT_SECRET: secret(SECRET_TEXT).optional().describe(`Its secret: ${SECRET_TEXT}.`),
  JWT_PREVIOUS_KID: matching(WORD, 'must be 1 to 64 letters, digits, or . _ -')
    .optional()
    .describe('`kid` of an HMAC key that only verifies: the previous or the next one.'),
  JWT_PREVIOUS_SECRET: secret(SECRET_TEXT).optional().describe('Its secret.'),
  JWT_JWKS_URL: url(/^https?$/, 'must be an address, https://…')
    .optional()
    .describe('Public keys of an identity provider, which sign tokens too.'),
  JWT_REFUSED_KIDS: list(/^[^,\s]{1,256}$/, 'must be values of kid, separated by commas')
    .optional()
    .describe('Emergency switch: tokens under these keys are refused.'),
  JWT_FILE: text()
    .optional()
    .describe('File with lines `JWT_…=…` in place of variables, read again at SIGHUP.'),
  FIELD_ENCRYPT_ENABLED: oneOf(['true', 'false'])
    .prefault('true')
    .describe('`false` stores plaintext; never in production.'),
  FIELD_ENCRYPT_PRODUCT: text()
    .prefault('notelett')
    .describe('Name of the product, which never changes.'),
  FIELD_ENCRYPT_KEY_PROVIDER: oneOf(['akv', 'env'])
    .optional()
    .describe('`akv` with `AZURE_KEYVAULT_URL`, else `env`; production needs `akv`.'),
  FIELD_ENCRYPT_KEY: matching(KEY, `must be ${KEY_TEXT}`)
    .optional()
    .describe('`env`: the master key.'),
  FIELD_ENCRYPT_PREVIOUS_KEYS: list(KEY, `must be keys of ${KEY_TEXT}, separated by commas`)
    .optional()
    .describe('`env`: earlier master keys, separated by commas.'),
  FIELD_ENCRYPT_RECORD_KEY: matching(KEY, `must be ${KEY_TEXT}`)
    .optional()
    .describe('Authenticates the rows of wrapped keys.'),
  FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS: list(KEY, `must be keys of ${KEY_TEXT}, separated by commas`)
    .optional()
    .describe('Record keys that only verify, separated by commas.'),
  AZURE_KEYVAULT_URL: url(/^https$/, 'must be an address, https://…')
    .optional()
    .describe('`akv`: address of the vault.'),
  FIELD_ENCRYPT_MEK_NAME: text().optional().describe('`akv`: name of the key in the vault.'),
  FIELD_ENCRYPT_MEK_VERSION: matching(/^[0-9a-f]{32}$/, 'must be 32 lowercase hex digits')
    .optional()
    .describe('`akv`: pins the current version.'),
  FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS: list(
    /^https:\/\/[^/\s]+\/keys\/[0-9A-Za-z-]{1,127}$/,
    'must be https://<vault>/keys/<name>, separated by commas',
  )
    .optional()
    .describe(
      '`akv`: keys that older rows are still wrapped under, `https://<vault>/keys/<name>`.',
    ),
  FIELD_ENCRYPT_RECOVERY_KEY: matching(/^-----BEGIN PUBLIC KEY-----/, 'must be a public key as PEM')
    .optional()
    .describe('Public key for recovery, PEM.'),
  FIELD_ENCRYPT_MODE: oneOf(['strict', 'migrate'])
    .prefault('strict')
    .describe('`migrate` also reads notes that are still plaintext.'),
  FIELD_ENCRYPT_REQUIRE_BACKFILLED: oneOf(['true', 'false'])
    .optional()
    .describe('`true` refuses to start while notes are plaintext.'),
  FIELD_ENCRYPT_MINIMUM_EPOCH: integer(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Refuses an older rotation record.'),
  FIELD_ENCRYPT_FENCE_TTL_MS: integer(1_000, 600_000)
    .optional()
    .describe('For how long writers act on what they read, for a new product; 30000.'),
  FIELD_ENCRYPT_CACHE_MAX_ENTRIES: integer(1, 10_000_000)
    .optional()
    .describe('Most keys in memory.'),
  FIELD_ENCRYPT_CACHE_TTL_MS: integer(1, 86_400_000)
    .optional()
    .describe('How long each key may be used.'),
});

export type Variables = z.infer<typeof variablesSchema>;
