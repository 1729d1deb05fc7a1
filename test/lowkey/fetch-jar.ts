/** Has Maven fetch a release of Lowkey Vault, once. @module */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Java } from './java.js';

const ARTIFACT = 'lowkey-vault-app';
const GROUP = 'com.github.nagyesta.lowkey-vault';
const FETCH_TIMEOUT_MS = 600_000;

/** It cannot be had here, which is nobody's mistake. */
export class JarUnavailable extends Error {
  override readonly name = 'JarUnavailable';
}

export interface FetchJarOptions {
  /** Keeps the jars of all releases. */
  readonly folder: string;
  /** What Maven itself runs on. */
  readonly java: Java;
  readonly signal: AbortSignal;
}

/**
 * @returns The file.
 * @throws JarUnavailable
 */
export async function fetchJar(
  version: string,
  { folder, java, signal }: FetchJarOptions,
): Promise<string> {
  const name = `${ARTIFACT}-${version}.jar`;
  const file = join(folder, name);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  const unfinished = await mkdtemp(join(folder, 'unfinished-'));
  try {
    await copyArtifact(version, unfinished, { java, signal });
    await rename(join(unfinished, name), file);
    return file;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function copyArtifact(
  version: string,
  folder: string,
  { java, signal }: Pick<FetchJarOptions, 'java' | 'signal'>,
): Promise<void> {
  const args = [
    ...['--batch-mode', '--quiet', '--strict-checksums', 'dependency:copy'],
    `-Dartifact=${GROUP}:${ARTIFACT}:${version}`,
    `-DoutputDirectory=${folder}`,
  ];
  try {
    const env = { ...process.env, JAVA_HOME: java.home };
    await promisify(execFile)('mvn', args, {
      ...{ cwd: folder, env, signal },
      timeout: FETCH_TIMEOUT_MS,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new JarUnavailable(problemIn(error), { cause: error });
  }
}

/** What Maven or the system says, in short. */
export function problemIn(error: unknown): string {
  const { code, killed, stdout = '', stderr = '' } = error as Partial<Record<string, unknown>>;
  if (code === 'ENOENT') return 'there is no mvn to fetch it with';
  if (killed === true) return 'mvn did not finish in time';
  const printed = `${String(stdout)}\n${String(stderr)}`;
  if (/Could not find artifact|was not found in/.test(printed)) {
    return 'not in the repositories that mvn asks';
  }
  const [, first] = /^.*\[ERROR\] (.+)$/m.exec(printed) ?? [];
  return first ?? `mvn failed (${String(code)})`;
}
