import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { javaVersionIn, newestJava } from './java.js';
import { RELEASES, releasesFor } from './releases.js';

describe('the version of a Java', () => {
  it.each([
    ['openjdk version "25.0.3" 2026-04-21 LTS', 25],
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "21" 2023-09-19', 21],
    ['openjdk version "26-ea" 2026-03-17', 26],
    ['java version "1.8.0_402"', 8],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
  ])('in %j is %j', (answer, version) => {
    expect(javaVersionIn(answer)).toBe(version);
  });
});

describe('the newest Java', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'java-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A home whose `java` prints this, and nothing else. */
  async function install(home: string, answer: string): Promise<string> {
    const bin = join(folder, home, 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'java'), `#!/bin/sh\necho '${answer}' >&2\n`);
    await chmod(join(bin, 'java'), 0o755);
    return join(folder, home);
  }

  it('is searched in JAVA_HOME, in PATH and in common folders', async () => {
    const home = await install('home', 'openjdk version "17.0.1"');
    const inPath = await install('path', 'openjdk version "21.0.1"');
    await install('many/one', 'openjdk version "25.0.1"');
    const env = { JAVA_HOME: home, PATH: `/nowhere:${join(inPath, 'bin')}` };
    const many = [join(folder, 'many'), '/nowhere'];
    const versionIn = async (places: Parameters<typeof newestJava>[0]): Promise<unknown> =>
      (await newestJava({ env: {}, folders: [], ...places }))?.version;
    expect(await versionIn({ env: { JAVA_HOME: home } })).toBe(17);
    expect(await versionIn({ env })).toBe(21);
    expect(await versionIn({ env, folders: many })).toBe(25);
  });

  it('is where the links lead, so that what lies beside it is found', async () => {
    const home = await install('real', 'openjdk version "25.0.1"');
    await mkdir(join(folder, 'links'));
    await symlink(join(home, 'bin/java'), join(folder, 'links/java'));
    const env = { PATH: join(folder, 'links') };
    expect(await newestJava({ env, folders: [] })).toEqual({ version: 25, home });
  });

  it('is none where there is none, or none that says what it is', async () => {
    expect(await newestJava({ env: {}, folders: [] })).toBeUndefined();
    await install('many/broken', 'Unable to locate a Java Runtime.');
    expect(await newestJava({ env: {}, folders: [join(folder, 'many')] })).toBeUndefined();
  });
});

describe('the releases', () => {
  it('are listed from the newest, each as exact as can be', () => {
    const versions = RELEASES.map(({ version }) => version);
    const numbers = versions.map((each) => each.split('.').map(Number));
    const sorted = numbers.toSorted((a, b) => compare(b, a));
    expect(numbers).toEqual(sorted);
    expect(versions.filter((each) => !/^\d+\.\d+\.\d+$/.test(each))).toEqual([]);
  });

  it.each([
    [11, []],
    [17, ['3.4.0']],
    [24, ['4.1.0', '3.4.0']],
    [25, ['7.3.74', '7.1.32', '4.1.0', '3.4.0']],
  ])('for Java %i are %j', (java, versions) => {
    expect(releasesFor(java).map(({ version }) => version)).toEqual(versions);
  });
});

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((each, index) => each !== other[index]);
  return (one[at] ?? 0) - (other[at] ?? 0);
}
