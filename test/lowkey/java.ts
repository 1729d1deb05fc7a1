/** Finds the newest Java of a machine. @module */
import { execFile } from 'node:child_process';
import { readdir, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface Java {
  readonly version: number;
  /** What `JAVA_HOME` is set to for those who need it. */
  readonly home: string;
}

export interface JavaPlaces {
  readonly env: NodeJS.ProcessEnv;
  /** Folders that hold one Java in each of their folders. */
  readonly folders: readonly string[];
}

const FOLDERS = ['/usr/lib/jvm', '/usr/java', '/opt/java', '/Library/Java/JavaVirtualMachines'];
const ANSWER_TIMEOUT_MS = 60_000;

/** @returns `undefined` where there is none that says which version it is. */
export async function newestJava(places: Partial<JavaPlaces> = {}): Promise<Java | undefined> {
  const { env = process.env, folders = FOLDERS } = places;
  const programs = await existing([...named(env), ...(await within(folders))]);
  const found = await Promise.all(programs.map(ask));
  return found.filter((java) => java !== undefined).sort((a, b) => b.version - a.version)[0];
}

/** @returns 8 for 1.8, 25 for 25.0.3. */
export function javaVersionIn(answer: string): number | undefined {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(answer) ?? [];
  const major = first === '1' ? second : first;
  return major === undefined ? undefined : Number(major);
}

function named({ JAVA_HOME, PATH = '' }: NodeJS.ProcessEnv): readonly string[] {
  const home = JAVA_HOME ? [join(JAVA_HOME, 'bin/java')] : [];
  const paths = PATH.split(delimiter).filter((each) => each !== '');
  return [...home, ...paths.map((each) => join(each, 'java'))];
}

async function within(folders: readonly string[]): Promise<readonly string[]> {
  const homes = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      return names.map((name) => join(folder, name));
    }),
  );
  return homes
    .flat()
    .flatMap((home) => [join(home, 'bin/java'), join(home, 'Contents/Home/bin/java')]);
}

/** Each of them once, whatever links lead to it. */
async function existing(programs: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(programs.map((each) => realpath(each).catch(() => undefined)));
  return [...new Set(files.filter((file) => file !== undefined))];
}

async function ask(program: string): Promise<Java | undefined> {
  try {
    const answer = await promisify(execFile)(program, ['-version'], { timeout: ANSWER_TIMEOUT_MS });
    const version = javaVersionIn(`${answer.stderr}${answer.stdout}`);
    return version === undefined ? undefined : { version, home: dirname(dirname(program)) };
  } catch {
    return undefined;
  }
}
