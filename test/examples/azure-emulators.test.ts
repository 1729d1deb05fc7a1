import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ScriptRun } from './script-run.js';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = 'azure-emulators.ts';
const NAMES = [
  'AZURE_AUTHORITY_HOST',
  'AZURE_CLIENT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_KEYVAULT_URL',
  'AZURE_TENANT_ID',
  'AZURE_TOKEN_CREDENTIALS',
  'COSMOS_DATABASE',
  'COSMOS_ENDPOINT',
  'COSMOS_KEY',
  'FIELD_ENCRYPT_ENABLED',
  'FIELD_ENCRYPT_KEY_PROVIDER',
  'FIELD_ENCRYPT_MEK_NAME',
  'FIELD_ENCRYPT_PRODUCT',
  'NODE_EXTRA_CA_CERTS',
  'NO_PROXY',
];

const LAST_LINE = '# Then: npx tsx examples/azure-note.ts\n';

/** Runs a command in a shell that was given what the emulators printed. */
async function inShell(exports: string, command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', `${exports}\n${command}`], {
    cwd: ROOT,
  });
  return stdout;
}

async function isListening(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('the Azure emulators', () => {
  it('print what the example needs in its environment, and go away when they are interrupted', async () => {
    const emulators = new ScriptRun(SCRIPT);
    await emulators.untilPrinted(LAST_LINE);
    const exports = emulators.stdout;
    const names = [...exports.matchAll(/^export (\w+)='.*'$/gm)].map(([, name]) => name);
    expect(names.sort()).toEqual(NAMES);

    // A machine behind a proxy has it in the environment.
    const proxy = 'HTTPS_PROXY=http://127.0.0.1:9';
    const printed = await inShell(exports, `${proxy} node --import tsx examples/azure-note.ts`);
    expect(printed).toMatch(/^At rest: [^]*_enc: 1[^]*^In clear: [^]*title: 'Plans'/m);
    expect(printed.split('In clear:')[0]).not.toMatch(/Plans|secret/);

    const servers = ['AZURE_AUTHORITY_HOST', 'AZURE_KEYVAULT_URL', 'COSMOS_ENDPOINT'];
    const urls = await inShell(exports, `printf '%s\\n' "$${servers.join('" "$')}"`);
    const certificate = await inShell(exports, 'printf %s "$NODE_EXTRA_CA_CERTS"');
    expect(existsSync(certificate)).toBe(true);
    for (const url of urls.trim().split('\n')) expect(await isListening(url), url).toBe(true);

    emulators.signal('SIGINT');
    expect(await emulators.end()).toBe(0);
    expect(emulators.stderr).toBe('');
    expect(emulators.filesLeft).toEqual([]);
    await emulators.untilNobodyIsLeft();
    for (const url of urls.trim().split('\n')) expect(await isListening(url), url).toBe(false);
  });

  it('run a command that has all that in its environment, and end as it does', async () => {
    const shown = NAMES.map((name) => `\${${name}:?}`).join(' ');
    const emulators = new ScriptRun(SCRIPT, 'sh', '-c', `: "${shown}"; exit 7`);
    expect([await emulators.end(), emulators.stderr]).toEqual([7, '']);
    expect(emulators.filesLeft).toEqual([]);
  });

  it('end with the command that they pass a signal on to', async () => {
    const emulators = new ScriptRun(SCRIPT, 'sh', '-c', 'echo running; exec sleep 600');
    await emulators.untilPrinted('running\n');
    emulators.signal('SIGTERM');
    expect(await emulators.end()).toBe(128 + 15);
    await emulators.untilNobodyIsLeft();
    expect(emulators.filesLeft).toEqual([]);
  });

  it('pass a configuration that is in force where they run to no other process', async () => {
    process.env['FIELD_ENCRYPT_MEK_VERSION'] = 'none of theirs';
    const emulators = new ScriptRun(SCRIPT, 'printenv', 'FIELD_ENCRYPT_MEK_VERSION');
    delete process.env['FIELD_ENCRYPT_MEK_VERSION'];
    expect([await emulators.end(), emulators.stdout]).toEqual([1, '']);
  });

  it('say that a command cannot be run', async () => {
    const emulators = new ScriptRun(SCRIPT, 'no-such-command');
    expect([await emulators.end(), emulators.stderr]).toEqual([
      1,
      'spawn no-such-command ENOENT\n',
    ]);
    expect(emulators.filesLeft).toEqual([]);
  });

  it('refuse an option that they do not have', async () => {
    const emulators = new ScriptRun(SCRIPT, '--port', 'sh');
    expect([await emulators.end(), emulators.stdout, emulators.stderr]).toEqual([
      2,
      '',
      "Unknown option '--port'\nUsage: npm run azure:emulators [-- <command> [<argument>…]]\n",
    ]);
  });
});
