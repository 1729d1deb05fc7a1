/** Runs the suite of this folder against Lowkey Vault, where the machine can have it. @module */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchJar, JarUnavailable } from './fetch-jar.js';
import { newestJava, type Java } from './java.js';
import { KeptProcess } from './kept-process.js';
import { LowkeyServer, LowkeyStartError } from './lowkey-server.js';
import { RELEASES, releasesFor, type Release } from './releases.js';

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache/lowkey-vault');
const SUITE = ['run', '--config', 'test/lowkey/vitest.config.ts'];
const USAGE = `Usage: npm run test:lowkey [-- options]
  --required      fails where Lowkey Vault cannot be had, instead of saying so
  --java HOME     runs it on this Java [the newest found]
  --jar FILE      tests this jar [fetched by Maven]
  --cache FOLDER  keeps fetched jars here [node_modules/.cache/lowkey-vault]`;

interface Trial {
  readonly java: Java;
  readonly signal: AbortSignal;
}

const { required, java: javaHome, jar, cache = CACHE } = readArguments();
process.exitCode = await untilStopped(testLowkey);

async function testLowkey(signal: AbortSignal): Promise<number> {
  const java = await (javaHome === undefined
    ? newestJava()
    : newestJava({ env: { JAVA_HOME: javaHome }, folders: [] }));
  if (!java) return skip('no Java was found');
  const releases = releasesFor(java.version);
  if (releases.length === 0) {
    const oldest = Math.min(...RELEASES.map((release) => release.java));
    return skip(`it needs Java ${String(oldest)}, and the newest found is ${String(java.version)}`);
  }
  return tryReleases(jar === undefined ? releases : releases.slice(0, 1), { java, signal });
}

/** The newest that can be had, and starts, is the one that is tested. */
async function tryReleases(releases: readonly Release[], trial: Trial): Promise<number> {
  const absent = new Map<string, string[]>();
  const broken: string[] = [];
  for (const release of releases) {
    const { version } = release;
    try {
      return await testRelease(release, trial);
    } catch (error) {
      if (error instanceof JarUnavailable) {
        absent.set(error.message, [...(absent.get(error.message) ?? []), version]);
      } else if (error instanceof LowkeyStartError) {
        broken.push(`${jar ?? version} did not start: ${error.message}`);
      } else throw error;
    }
  }
  const reasons = [...absent].map(([reason, versions]) => `${versions.join(', ')}: ${reason}`);
  if (broken.length === 0) return skip(`no release could be had (${reasons.join('; ')})`);
  console.error([...broken, ...reasons].join('\n'));
  return 1;
}

async function testRelease(release: Release, { java, signal }: Trial): Promise<number> {
  const file = jar ?? (await fetchJar(release.version, { folder: cache, java, signal }));
  const name = jar ?? release.version;
  console.log(`Lowkey Vault ${name} on Java ${String(java.version)}`);
  const folder = await mkdtemp(join(tmpdir(), 'lowkey-vault-'));
  try {
    await using server = await LowkeyServer.start({ jar: file, java, folder, signal });
    return await runSuite(server, release, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runSuite(
  { url, caFile }: LowkeyServer,
  { apiVersion }: Release,
  signal: AbortSignal,
): Promise<number> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  await using suite = new KeptProcess(process.execPath, [vitest, ...SUITE], {
    env: {
      LOWKEY_VAULT_URL: url,
      LOWKEY_VAULT_CA: caFile,
      LOWKEY_VAULT_API_VERSION: apiVersion,
    },
  });
  return await Promise.race([suite.exited, rejectedBy(signal)]);
}

function skip(reason: string): number {
  console.log(`Lowkey Vault, ${required ? 'required, cannot be tested' : 'skipped'}: ${reason}`);
  return required ? 1 : 0;
}

/** The first process that is stopped stops everything that was started. */
async function untilStopped(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stopping.abort(new Error(`stopped by ${signal}`));
    });
  }
  try {
    return await work(stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    console.error(String(stopping.signal.reason));
    return 130;
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

interface Arguments {
  readonly required: boolean;
  readonly java?: string | undefined;
  readonly jar?: string | undefined;
  readonly cache?: string | undefined;
}

function readArguments(): Arguments {
  try {
    const text = { type: 'string' } as const;
    const required = { type: 'boolean', default: false } as const;
    return parseArgs({ options: { required, java: text, jar: text, cache: text } }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error(USAGE);
    process.exit(2);
  }
}
