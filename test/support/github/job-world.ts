/** Where a job of the examples runs: a checkout, the stand-ins of az and gh, and the variables of the repository. @module */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { StoryWorld } from '../../e2e/story-world.js';
import type { Variables } from './job-run.js';

/** What a machine has that is signed in; everything else comes from the workflow itself. */
const MACHINE = [
  'AZURE_ALLOW_LOOPBACK_VAULT',
  'AZURE_AUTHORITY_HOST',
  'AZURE_CLIENT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_TENANT_ID',
  'AZURE_TOKEN_CREDENTIALS',
  // Of the database for tests, which has no Entra ID.
  'COSMOS_KEY',
  'E2E_VAULTS',
  'HOME',
  'NODE_EXTRA_CA_CERTS',
  'NODE_OPTIONS',
  'NO_PROXY',
  'PATH',
];

const GH = `#!/usr/bin/env node
const { appendFileSync, readFileSync } = require('node:fs');
const words = process.argv.slice(2);
const valueOf = (name) => words[words.indexOf(name) + 1];
const issue = { command: words.slice(0, 2).join(' '), title: valueOf('--title'), body: readFileSync(valueOf('--body-file'), 'utf8') };
if (!process.env.GH_TOKEN) process.exit(4);
appendFileSync(process.env.GH_ISSUES, JSON.stringify(issue) + '\\n');
console.log('https://github.com/bytelyst/notes/issues/1');
`;
/** Nothing is to be installed: the checkout has the packed package. */
const NPM = '#!/bin/sh\n[ "$1" = ci ] || exit 1\n';

export interface Issue {
  readonly command: string;
  readonly title: string;
  readonly body: string;
}

export class JobWorld {
  readonly #world: StoryWorld;
  readonly #tools: string = mkdtempSync(join(tmpdir(), 'field-encrypt-job-'));

  constructor(world: StoryWorld) {
    this.#world = world;
    const { FIELD_ENCRYPT_RECORD_KEY: recordKey = '', PATH: path = '' } = world.env;
    mkdirSync(join(this.#tools, 'bin'));
    writeFileSync(join(this.#tools, 'record-key'), recordKey, { mode: 0o600 });
    this.#program('gh', GH);
    this.#program('npm', NPM);
    // The secrets of the vault: there is no server for them.
    const az = path.split(delimiter)[0] ?? '';
    this.#program(
      'az',
      `#!/bin/sh\nif [ "$1 $2 $3" = "keyvault secret show" ]; then exec cat '${this.#tools}/record-key'; fi\nexec '${join(az, 'az')}' "$@"\n`,
    );
  }

  get env(): Variables {
    const { env } = this.#world;
    const own = MACHINE.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
    return {
      ...(Object.fromEntries(own) as Variables),
      PATH: [join(this.#tools, 'bin'), env['PATH']].join(delimiter),
      GH_ISSUES: join(this.#tools, 'issues'),
    };
  }

  /** Of the environment of the repository. */
  get vars(): Variables {
    const { env } = this.#world;
    return {
      AZURE_KEYVAULT_URL: env['AZURE_KEYVAULT_URL'] ?? '',
      COSMOS_DATABASE: env['COSMOS_DATABASE'] ?? '',
      COSMOS_ENDPOINT: env['COSMOS_ENDPOINT'] ?? '',
      MEK_NAME: env['FIELD_ENCRYPT_MEK_NAME'] ?? '',
      RECOVERY_PUBLIC_KEY: env['FIELD_ENCRYPT_RECOVERY_KEY'] ?? '',
      VAULT: 'kv1',
    };
  }

  get issues(): readonly Issue[] {
    const file = join(this.#tools, 'issues');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Issue);
  }

  close(): void {
    rmSync(this.#tools, { recursive: true, force: true });
  }

  #program(name: string, text: string): void {
    const file = join(this.#tools, 'bin', name);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }
}
