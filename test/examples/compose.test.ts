import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  configOf,
  folderForTest,
  sampleSecret,
  unknownVariables,
  type Variables,
} from './deployed-environment.js';

const FOLDER = join(import.meta.dirname, '../../examples/compose');

interface Service {
  readonly image?: string;
  readonly environment?: Variables;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly network_mode?: string;
  readonly depends_on?: Variables | readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes?: Readonly<Record<string, null>>;
}

/** Long, and with digits and both cases: names and paths are not. */
const KEY_MATERIAL =
  /whsec_|PRIVATE KEY|(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])[\w+/-]{40,}/;

function textOf(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

function backendOf({ services }: Compose): Service {
  const { backend } = services;
  if (!backend) throw new Error('There is no service "backend"');
  return backend;
}

/** As `with-secrets.sh` makes it. */
function variablesOf({ environment = {}, secrets = [] }: Service): Variables {
  const own = secrets.filter((name) => name !== 'jwt.env');
  return { ...environment, ...Object.fromEntries(own.map((name) => [name, sampleSecret(name)])) };
}

const production = parse(textOf('compose.yaml')) as Compose;
const emulated = parse(textOf('compose.emulators.yaml')) as Compose;

describe.each([
  ['compose.yaml', production],
  ['compose.emulators.yaml', emulated],
])('%s', (file, compose) => {
  const backend = backendOf(compose);

  it('has variables that the service reads, and starts it', () => {
    const variables = variablesOf(backend);
    expect(unknownVariables(Object.keys(variables))).toEqual([]);
    expect(configOf(variables)).toMatchObject({ isProduction: file === 'compose.yaml' });
  });

  it('has no secret in it: each is a file', () => {
    const names = Object.keys(backend.environment ?? {});
    const secret = /SECRET|_KEY$|_KEYS$|TOKEN$/;
    const named = names.filter(
      (name) => secret.test(name) && name !== 'FIELD_ENCRYPT_RECOVERY_KEY',
    );
    expect(named).toEqual([]);
    expect(textOf(file)).not.toMatch(KEY_MATERIAL);
    expect(Object.keys(compose.secrets)).toEqual(backend.secrets);
    for (const [name, { file: path }] of Object.entries(compose.secrets))
      expect(path).toBe(`./secrets/${name}`);
    expect(backend.environment?.['JWT_FILE']).toBe('/run/secrets/jwt.env');
  });

  it('says that no CI runs it, and mounts files that are there', () => {
    expect(textOf(file)).toMatch(/Not run in the\s+(# )?CI of this repository/);
    expect(backend.volumes).toContain('./with-secrets.sh:/opt/with-secrets.sh:ro');
    expect(readdirSync(FOLDER)).toContain('with-secrets.sh');
  });
});

it('in production, stops without losing a request', () => {
  const { environment = {}, stop_grace_period: grace } = backendOf(production);
  const longest =
    Number(environment['SHUTDOWN_DELAY_MS']) + Number(environment['SHUTDOWN_TIMEOUT_MS']);
  expect(Number.parseInt(grace ?? '', 10) * 1_000).toBeGreaterThan(longest);
});

it('in production, is healthy where it is ready', () => {
  const [kind, node, ...args] = backendOf(production).healthcheck?.test ?? [];
  expect([kind, node]).toEqual(['CMD', 'node']);
  const code = args.at(-1) ?? '';
  const asked = (answer: string): number | null => {
    const script = `globalThis.fetch = async () => (${answer});\n${code}`;
    return spawnSync(process.execPath, [...args.slice(0, -1), script]).status;
  };
  expect([asked('{ ok: true }'), asked('{ ok: false }')]).toEqual([0, 1]);
});

it('knows key material where it sees it', () => {
  const key = createHash('sha256').update('a key').digest();
  expect(key.toString('base64')).toMatch(KEY_MATERIAL);
  expect(key.toString('base64url')).toMatch(KEY_MATERIAL);
});

it('with emulators, has images with versions in one network', () => {
  const { backend, vault, ...others } = emulated.services;
  expect(vault?.image).toMatch(/^nagyesta\/lowkey-vault:\d/);
  for (const service of [backend, ...Object.values(others)])
    expect(service?.network_mode).toBe('service:vault');
  expect(Object.values(emulated.services).flatMap(({ image }) => image ?? [])).toHaveLength(3);
});

describe('with-secrets.sh', () => {
  it('makes a variable of each file that is named like one, and becomes the command', () => {
    const folder = folderForTest();
    const value = 'with "quotes", $HOME, `date` and = in it';
    writeFileSync(join(folder, 'FIELD_ENCRYPT_RECORD_KEY'), `${value}\n`);
    writeFileSync(join(folder, 'jwt.env'), 'JWT_CURRENT_KID=k1\n');
    const script = 'console.log(JSON.stringify([process.pid, process.env]))';
    const printed = execFileSync(
      'sh',
      [
        '-c',
        'echo $$; exec sh "$0" "$@"',
        join(FOLDER, 'with-secrets.sh'),
        process.execPath,
        '-e',
        script,
      ],
      { env: { PATH: process.env['PATH'], SECRETS_FOLDER: folder }, encoding: 'utf8' },
    );
    const [shell, line = ''] = printed.split('\n');
    const [pid, environment] = JSON.parse(line) as [number, Variables];
    expect(pid).toBe(Number(shell));
    expect(environment['FIELD_ENCRYPT_RECORD_KEY']).toBe(value);
    expect(Object.keys(environment).filter((name) => name.startsWith('JWT'))).toEqual([]);
  });
});

describe('fetch-secrets.sh', () => {
  /** In place of the Azure CLI and of what only root may do. */
  function standIns(folder: string): string {
    mkdirSync(folder);
    const az = `#!/bin/sh
set -eu
[ "$1 $2 $3" = 'keyvault secret download' ]
echo "$*" >>"$CALLS"
while [ $# -gt 0 ]; do case $1 in --file) file=$2 ;; --name) name=$2 ;; esac; shift; done
[ ! -e "$file" ]
printf 'value of %s' "$name" >"$file"
`;
    writeFileSync(join(folder, 'az'), az);
    writeFileSync(join(folder, 'chown'), '#!/bin/sh\n[ "$1" = 1000:1000 ]\n');
    for (const name of ['az', 'chown']) chmodSync(join(folder, name), 0o755);
    return folder;
  }

  it('brings each secret of compose.yaml, for one user alone, and again in place', () => {
    const folder = folderForTest();
    const secrets = join(folder, 'secrets');
    const env = {
      PATH: `${standIns(join(folder, 'bin'))}:${process.env['PATH'] ?? ''}`,
      CALLS: join(folder, 'calls'),
      SECRETS_FOLDER: secrets,
    };
    const fetchAll = () =>
      execFileSync('sh', [join(FOLDER, 'fetch-secrets.sh'), 'notelett'], { env });
    fetchAll();
    const inode = statSync(join(secrets, 'jwt.env')).ino;
    for (const name of readdirSync(secrets)) chmodSync(join(secrets, name), 0o600);
    fetchAll();
    expect(readdirSync(secrets).sort()).toEqual(Object.keys(production.secrets).sort());
    expect(readFileSync(join(secrets, 'jwt.env'), 'utf8')).toBe('value of notes-backend-jwt');
    expect(statSync(join(secrets, 'jwt.env')).ino).toBe(inode);
    const modes = readdirSync(secrets).map((name) => statSync(join(secrets, name)).mode & 0o777);
    expect(new Set(modes)).toEqual(new Set([0o400]));
    expect(readFileSync(env.CALLS, 'utf8').split('\n')[0]).toContain('--vault-name notelett');
  });
});
