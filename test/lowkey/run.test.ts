import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemIn } from './fetch-jar.js';

const NO_JAR = 'Could not find artifact org.example:some:jar:1 in central';

describe('what Maven says', () => {
  it.each([
    [{ code: 'ENOENT' }, 'there is no mvn to fetch it with'],
    [{ killed: true, code: null }, 'mvn did not finish in time'],
    [{ code: 1, stdout: `[ERROR] Failed: ${NO_JAR}` }, 'not in the repositories that mvn asks'],
    [
      { code: 1, stdout: '[ERROR] org.example:some:jar:1 was not found in central before' },
      'not in the repositories that mvn asks',
    ],
    [{ code: 1, stdout: 'x\n[ERROR] Unknown host\n[ERROR] more' }, 'Unknown host'],
    [{ code: 7, stdout: '' }, 'mvn failed (7)'],
  ])('%j is in short: %s', (error, problem) => {
    expect(problemIn(error)).toBe(problem);
  });
});

interface Outcome {
  readonly code: unknown;
  readonly printed: string;
}

describe('npm run test:lowkey', () => {
  let home = '';

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lowkey-'));
    await mkdir(join(home, 'bin'));
    await mkdir(join(home, 'tmp'));
  });
  afterEach(() => rm(home, { recursive: true }));

  /** Puts a Java in the home: what it does when it is asked for its version, and for all else. */
  async function install(version: string, otherwise = 'exit 9'): Promise<void> {
    const answer = `echo 'openjdk version "${version}"' >&2`;
    await script('java', `if [ "$1" = -version ]; then ${answer}; else ${otherwise}; fi`);
    await script('keytool', 'for each; do case $each in *.pem) : > "$each";; esac; done');
  }

  async function script(name: string, code: string): Promise<void> {
    const file = join(home, 'bin', name);
    await writeFile(file, `#!/bin/sh\n${code}\n`);
    await chmod(file, 0o755);
  }

  /** Where there is no other Java, and no Maven. */
  function start(...args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    const program = join(import.meta.dirname, 'run.ts');
    const all = ['--import', 'tsx', program, '--java', home, ...args];
    const env = { PATH: join(home, 'bin'), TMPDIR: join(home, 'tmp') };
    return spawn(process.execPath, all, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async function outcomeOf(child: ReturnType<typeof start>): Promise<Outcome> {
    const ended = once(child, 'exit');
    const printed = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await ended) as readonly unknown[];
    return { code, printed: printed.join('') };
  }

  it('says in one line that there is no Java, and succeeds unless it is required', async () => {
    expect(await outcomeOf(start())).toEqual({
      code: 0,
      printed: 'Lowkey Vault, skipped: no Java was found\n',
    });
    expect(await outcomeOf(start('--required'))).toEqual({
      code: 1,
      printed: 'Lowkey Vault, required, cannot be tested: no Java was found\n',
    });
  });

  it('says in one line that the Java is too old', async () => {
    await install('11.0.2');
    expect(await outcomeOf(start())).toEqual({
      code: 0,
      printed: 'Lowkey Vault, skipped: it needs Java 17, and the newest found is 11\n',
    });
  });

  it('says in one line why no release can be had', async () => {
    await install('21.0.2');
    const reason = 'no release could be had (4.1.0, 3.4.0: there is no mvn to fetch it with)';
    expect(await outcomeOf(start('--required', '--cache', join(home, 'jars')))).toEqual({
      code: 1,
      printed: `Lowkey Vault, required, cannot be tested: ${reason}\n`,
    });
  });

  it('fails with what was printed where a release can be had and does not start', async () => {
    await install('25.0.3', 'echo UnsupportedClassVersionError >&2; exit 4');
    const { code, printed } = await outcomeOf(start('--jar', join(home, 'some.jar')));
    expect(code).toBe(1);
    expect(printed).toContain('it ended with exit code 4 before it answered');
    expect(printed).toContain('UnsupportedClassVersionError');
  });

  it('leaves nothing behind when it is stopped', async () => {
    const pidFile = join(home, 'pid');
    const stays = `exec '${process.execPath}' --eval 'setInterval(() => {}, 1000)'`;
    await install('25.0.3', `echo $$ > '${pidFile}'; ${stays}`);
    const child = start('--jar', join(home, 'some.jar'));
    const outcome = outcomeOf(child);
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await sleep(20);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    child.kill('SIGTERM');
    expect(await outcome).toEqual({
      code: 130,
      printed: expect.stringContaining('stopped by SIGTERM') as string,
    });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    const left = readdirSync(join(home, 'tmp')).filter((name) => !name.startsWith('tsx-'));
    expect(left).toEqual([]);
  });

  it('refuses what it does not know', async () => {
    const { code, printed } = await outcomeOf(start('--sometimes'));
    expect(code).toBe(2);
    expect(printed).toContain('Usage: npm run test:lowkey');
  });
});
