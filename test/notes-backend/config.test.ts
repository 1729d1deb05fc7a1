import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ConfigError,
  readConfig,
  type ConfigProblem,
  type Environment,
} from '../../examples/notes-backend/src/lib/config.js';
import {
  DEVELOPMENT_JWT,
  DEVELOPMENT_KEY,
} from '../../examples/notes-backend/src/lib/development.js';
import { readEnvironment } from '../../examples/notes-backend/src/lib/environment.js';
import { variablesSchema } from '../../examples/notes-backend/src/lib/variables.js';

const SECRET = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1v';
const PRODUCTION: Environment = {
  NODE_ENV: 'production',
  JWT_CURRENT_KID: 'now',
  JWT_CURRENT_SECRET: SECRET,
  AZURE_KEYVAULT_URL: 'https://notes.vault.azure.net',
  FIELD_ENCRYPT_MEK_NAME: 'notes-mek',
};

const OTLP = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const LOCAL = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
const HEADERS = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a' };
const WHSEC = `whsec_${'A'.repeat(32)}`;

function problemsOf(environment: Environment): readonly ConfigProblem[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const wrongIn = (environment: Environment): readonly string[] =>
  problemsOf(environment).map(({ variable }) => variable);

describe('without any variable', () => {
  it('the service runs on this machine alone, with public keys', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      isProduction: false,
      host: '127.0.0.1',
      port: 4016,
      stores: { kind: 'sqlite', file: 'notes.db' },
      tokens: { current: { kid: DEVELOPMENT_JWT.kid }, previous: undefined, refusedKids: [] },
      encryption: { FIELD_ENCRYPT_ENABLED: 'true', FIELD_ENCRYPT_KEY: DEVELOPMENT_KEY },
    });
  });

  it('a variable that is set to nothing counts as absent', () => {
    const empty = Object.fromEntries(Object.keys(variablesSchema.shape).map((name) => [name, '']));
    expect(readConfig(empty)).toEqual(readConfig({}));
  });
});

describe('in production', () => {
  it('a vault and a key for tokens are enough', () => {
    const config = readConfig(PRODUCTION);
    expect(config).toMatchObject({
      isProduction: true,
      encryption: { FIELD_ENCRYPT_KEY_PROVIDER: 'akv', NODE_ENV: 'production' },
    });
    expect(config.encryption['FIELD_ENCRYPT_KEY']).toBeUndefined();
  });

  it('nothing of the development defaults is accepted', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      { variable: 'JWT_CURRENT_KID', problem: 'or JWT_JWKS_URL must be set in production' },
      {
        variable: 'FIELD_ENCRYPT_KEY_PROVIDER',
        problem: 'must be akv in production, with AZURE_KEYVAULT_URL and FIELD_ENCRYPT_MEK_NAME',
      },
    ]);
    const { secret } = DEVELOPMENT_JWT;
    expect(wrongIn({ ...PRODUCTION, JWT_CURRENT_SECRET: secret })).toEqual(['JWT_CURRENT_SECRET']);
    const previous = { JWT_PREVIOUS_KID: 'before', JWT_PREVIOUS_SECRET: secret };
    expect(wrongIn({ ...PRODUCTION, ...previous })).toEqual(['JWT_CURRENT_SECRET']);
    for (const [name, value] of [
      ['FIELD_ENCRYPT_ENABLED', 'false'],
      ['FIELD_ENCRYPT_KEY_PROVIDER', 'env'],
      ['AZURE_ALLOW_LOOPBACK_VAULT', 'true'],
      ['JWT_JWKS_URL', 'http://id.example'],
    ] as const) {
      expect(wrongIn({ ...PRODUCTION, [name]: value })).toEqual([name]);
    }
  });
});

describe('mistakes', () => {
  it('are reported all at once, by variable and without a value', () => {
    const environment = {
      PORT: 'http',
      LOG_LEVEL: 'loud',
      BODY_LIMIT_BYTES: '1e6',
      TRUST_PROXY: 'yes',
      AUDIT_URL: 'https://ada:mark-password@audit.example',
      METRICS_TOKEN: 'short-metrics-token',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'secret-otlp-header',
      OTEL_METRIC_EXPORT_INTERVAL: '5s',
      OTEL_TRACES_SAMPLER_ARG: '2',
      COSMOS_ENDPOINT: 'http://plain.example',
      COSMOS_KEY: 'secret-cosmos-key',
      JWT_CURRENT_KID: 'a b',
      JWT_PREVIOUS_SECRET: 'too-short-secret',
      JWT_REFUSED_KIDS: 'a,,b',
      FIELD_ENCRYPT_KEY: 'short-master-key',
      FIELD_ENCRYPT_PREVIOUS_KEYS: `${DEVELOPMENT_KEY},x`,
      FIELD_ENCRYPT_MODE: 'lenient',
      FIELD_ENCRYPT_MINIMUM_EPOCH: '0',
      AZURE_KEYVAULT_URL: 'vault',
    };
    expect(() => readConfig(environment)).toThrow(
      `The service is not configured:
- PORT must be a whole number from 0 to 65535
- LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent
- TRUST_PROXY must be true or false
- BODY_LIMIT_BYTES must be a whole number from 1024 to 1048576
- AUDIT_URL must be an address, https://…, without user and query
- METRICS_TOKEN must be 32 to 128 random bytes as base64url
- OTEL_EXPORTER_OTLP_ENDPOINT must be an address, https://…, without user and query
- OTEL_EXPORTER_OTLP_HEADERS must be name=value, percent-encoded, separated by commas
- OTEL_METRIC_EXPORT_INTERVAL must be a whole number from 1000 to 3600000
- OTEL_TRACES_SAMPLER_ARG must be from 0 to 1
- COSMOS_ENDPOINT must be an address, https://…
- JWT_CURRENT_KID must be 1 to 64 letters, digits, or . _ -
- JWT_PREVIOUS_SECRET must be 32 to 128 random bytes as base64url
- JWT_REFUSED_KIDS must be values of kid, separated by commas
- FIELD_ENCRYPT_KEY must be 32 bytes as base64, base64url or hex
- FIELD_ENCRYPT_PREVIOUS_KEYS must be keys of 32 bytes as base64, base64url or hex, separated by commas
- AZURE_KEYVAULT_URL must be an address, https://…
- FIELD_ENCRYPT_MODE must be one of strict, migrate
- FIELD_ENCRYPT_MINIMUM_EPOCH must be a whole number from 1 to 9007199254740991
- JWT_CURRENT_SECRET must be set with JWT_CURRENT_KID
- JWT_PREVIOUS_KID must be set with JWT_PREVIOUS_SECRET
- AUDIT_SECRETS must be set with AUDIT_URL
- FIELD_ENCRYPT_MEK_NAME must be set with AZURE_KEYVAULT_URL`,
    );
    const text = JSON.stringify(problemsOf(environment));
    for (const value of [
      'secret-cosmos-key',
      'too-short-secret',
      'short-master-key',
      'mark-password',
      'short-metrics-token',
      'secret-otlp-header',
    ]) {
      expect(text).not.toContain(value);
    }
  });

  it.each([
    [{ JWT_CURRENT_SECRET: SECRET }, ['JWT_CURRENT_KID']],
    [{ JWT_PREVIOUS_KID: 'a' }, ['JWT_PREVIOUS_SECRET', 'JWT_CURRENT_KID']],
    [{ COSMOS_KEY: 'k' }, ['COSMOS_ENDPOINT']],
    [{ FIELD_ENCRYPT_KEY_PROVIDER: 'akv' }, ['AZURE_KEYVAULT_URL']],
    [{ PORT: '65536' }, ['PORT']],
    [{ PORT: '-1' }, ['PORT']],
    [{ PORT: '4016 ' }, ['PORT']],
    [{ PORT: '٤' }, ['PORT']],
    [{ JWT_JWKS_URL: 'file:///etc/passwd' }, ['JWT_JWKS_URL']],
    [{ NODE_ENV: 'prod' }, ['NODE_ENV']],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://x:4317' }, [OTLP]],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x:4318/?key=a' }, [OTLP]],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x:4318', ...HEADERS }, [OTLP]],
    [HEADERS, [OTLP]],
    [{ ...LOCAL, OTEL_EXPORTER_OTLP_HEADERS: 'a=%zz' }, ['OTEL_EXPORTER_OTLP_HEADERS']],
    [{ ...LOCAL, OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0d%0ac' }, ['OTEL_EXPORTER_OTLP_HEADERS']],
    [{ ...LOCAL, OTEL_TRACES_SAMPLER_ARG: '0.5.1' }, ['OTEL_TRACES_SAMPLER_ARG']],
    [{ AUDIT_SECRETS: WHSEC }, ['AUDIT_URL']],
    [{ AUDIT_URL: 'http://audit.example', AUDIT_SECRETS: WHSEC }, ['AUDIT_URL']],
    [{ AUDIT_URL: 'https://a.example', AUDIT_SECRETS: WHSEC, AUDIT_FILE: 'a' }, ['AUDIT_URL']],
    [
      { AUDIT_URL: 'https://a.example', AUDIT_SECRETS: `${WHSEC},${WHSEC},${WHSEC}` },
      ['AUDIT_SECRETS'],
    ],
  ])('%j is a mistake', (environment, variables) => {
    expect(wrongIn(environment)).toEqual(variables);
  });

  it('a previous key cannot have the kid of the current one', () => {
    const [JWT_CURRENT_SECRET, JWT_PREVIOUS_SECRET] = [SECRET, SECRET.replace('a', 'b')];
    const kids = { JWT_CURRENT_KID: 'a', JWT_PREVIOUS_KID: 'a' };
    expect(problemsOf({ ...kids, JWT_CURRENT_SECRET, JWT_PREVIOUS_SECRET })).toEqual([
      { variable: 'JWT_PREVIOUS_KID', problem: 'must not be JWT_CURRENT_KID' },
    ]);
  });
});

describe('telemetry', () => {
  it('is off by default, and each of its variables turns on its own part', () => {
    expect(readConfig({}).telemetry).toBeUndefined();
    expect(readConfig({ OTEL_SERVICE_NAME: 'a', OTEL_TRACES_SAMPLER_ARG: '0' }).telemetry).toBe(
      undefined,
    );
    expect(readConfig({ METRICS_TOKEN: SECRET }).telemetry).toEqual({
      serviceName: 'notes-backend',
      metricsToken: SECRET,
      otlp: undefined,
    });
    const pushed = { ...LOCAL, ...HEADERS, OTEL_TRACES_SAMPLER_ARG: '0.25' };
    expect(readConfig(pushed).telemetry).toEqual({
      serviceName: 'notes-backend',
      metricsToken: undefined,
      otlp: {
        endpoint: 'http://127.0.0.1:4318',
        headers: { authorization: 'Bearer a' },
        metricIntervalMs: 60_000,
        traceRatio: 0.25,
      },
    });
  });

  it('may be sent to a collector of another machine without encryption, where it has no header', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/base/' };
    expect(readConfig(environment).telemetry?.otlp?.endpoint).toBe('http://collector:4318/base');
  });
});

describe('JWT_FILE', () => {
  const write = (text: string): string => {
    const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-test-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const file = join(folder, 'jwt.env');
    writeFileSync(file, text);
    return file;
  };

  it('has the last word on the keys of tokens', () => {
    const file = write(`# keys\nJWT_CURRENT_KID=b\nJWT_CURRENT_SECRET="${SECRET}"\n`);
    const environment = { JWT_FILE: file, JWT_CURRENT_KID: 'a', PORT: '1' };
    const { tokens, port } = readConfig(readEnvironment(environment));
    expect([tokens.current?.kid, port]).toEqual(['b', 1]);
  });

  it('changes only the keys of tokens', () => {
    for (const line of ['FIELD_ENCRYPT_ENABLED=false', 'JWT_FILE=other', 'NODE_ENV=development']) {
      expect(() => readEnvironment({ JWT_FILE: write(line) })).toThrow(
        'The service is not configured:\n- JWT_FILE may only have lines JWT_…=…, and not JWT_FILE',
      );
    }
  });

  it('that cannot be read is a mistake', () => {
    expect(() => readEnvironment({ JWT_FILE: '/no/such/file' })).toThrow(
      'The service is not configured:\n- JWT_FILE names a file that cannot be read',
    );
  });
});
