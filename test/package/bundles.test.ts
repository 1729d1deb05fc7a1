/** Needs the built package: it is packed, installed and bundled. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VaultWorld } from '../azure/key-vault/vault-world.js';
import { MEK_NAME } from '../support/azure/akv-provider.js';
import { isSlow, someOf } from '../support/lane.js';
import { PackedProject, runNode, type Variables } from '../support/packed-project.js';
import { BUNDLERS, ONE_OF_EACH, type Bundler } from './bundles/bundlers.js';

const APPS = join(import.meta.dirname, 'bundles');
const KEY_VAULT = '@azure/keyvault-keys';
/** In the code of the SDK: a package that it needs. */
const OF_AZURE = 'core-rest-pipeline';
const IDENTITY = '@azure/identity';
const ENV_KEYS = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: 'j89QzABAItXjr+KBVnV1/Eb9dxP/8v7hxZhNl4AJs8w=',
};
const CLOSED_VAULT = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
  AZURE_KEYVAULT_URL: 'https://localhost:1',
  FIELD_ENCRYPT_MEK_NAME: 'notelett-mek',
};
const REPORT = {
  body: 'Hello',
  isSealed: true,
  name: 'TamperedError',
  code: 'TAMPERED',
  retryable: false,
  is: [true, true, true, false, false],
  adapters: ['function', 'function'],
};
const NOT_CONFIGURED =
  'ConfigurationError CONFIGURATION_INVALID: Encryption is not configured:\n- FIELD_ENCRYPT_KEY_PROVIDER is "akv", which needs';
const PASS_IT = `${NOT_CONFIGURED} @bytelyst/field-encrypt/azure/key-vault, and cannot load it by its name, as in a bundle: pass keyVault: () => import("@bytelyst/field-encrypt/azure/key-vault") to initEncryption\n`;

const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-bundles-'));
const projects: PackedProject[] = [];

afterAll(() => {
  for (const project of projects) project.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** An application with these packages of Azure. */
function projectWith(...packages: readonly string[]): PackedProject {
  const project = new PackedProject({ type: 'module' }, packages);
  projects.push(project);
  for (const name of ['app.mjs', 'run-notes.mjs', 'vault-app.mjs']) {
    copyFileSync(join(APPS, name), join(project.folder, name));
  }
  return project;
}

interface Bundle {
  /** In a folder of its own: nothing else can be loaded. */
  readonly file: string;
  readonly warnings: readonly string[];
}

async function bundleOf(
  app: string,
  project: PackedProject,
  { bundle, ending }: Bundler,
): Promise<Bundle> {
  const built = mkdtempSync(join(project.folder, 'dist-'));
  const warnings = await bundle(join(project.folder, app), join(built, `app.${ending}`));
  const code = readdirSync(built).filter((name) => !name.endsWith('.LICENSE.txt'));
  expect(code).toEqual([`app.${ending}`]);
  const file = join(mkdtempSync(join(folder, 'app-')), `app.${ending}`);
  copyFileSync(join(built, `app.${ending}`), file);
  return { file, warnings };
}

async function expectReport(file: string, env: Variables): Promise<void> {
  const { stdout, stderr } = await runNode([file], { env });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(REPORT);
}

const named = (bundlers: readonly Bundler[]): [string, Bundler][] =>
  bundlers.map((bundler) => [bundler.name, bundler]);

describe('an application with env keys alone', () => {
  let project: PackedProject;

  beforeAll(() => {
    project = projectWith();
  });

  it.each(named(someOf(BUNDLERS, 2)))(
    '%s makes one file of it, which runs without any package of Azure',
    async (_name, bundler) => {
      const { file, warnings } = await bundleOf('app.mjs', project, bundler);
      expect(warnings).toEqual([]);
      await expectReport(file, ENV_KEYS);
      const refused = await runNode([file], { env: CLOSED_VAULT });
      expect(refused).toMatchObject({ code: 1, stdout: '', stderr: PASS_IT });
    },
  );

  it.runIf(isSlow).each(named(ONE_OF_EACH))(
    '%s takes nothing of them into it where they are installed',
    async (_name, bundler) => {
      const withAzure = projectWith(KEY_VAULT, IDENTITY);
      const { file, warnings } = await bundleOf('app.mjs', withAzure, bundler);
      expect(warnings).toEqual([]);
      expect(readFileSync(file, 'utf8')).not.toContain(OF_AZURE);
      await expectReport(file, ENV_KEYS);
    },
  );
});

describe.runIf(isSlow)('an application that passes "keyVault"', () => {
  let world: VaultWorld;
  let project: PackedProject;

  beforeAll(async () => {
    world = await VaultWorld.start();
    project = projectWith(KEY_VAULT, IDENTITY);
  });

  afterAll(() => world.stop());

  const vault = (): Variables => ({
    ...CLOSED_VAULT,
    ...world.server.identityProvider.environment(),
    AZURE_KEYVAULT_URL: world.server.url,
    FIELD_ENCRYPT_MEK_NAME: MEK_NAME,
  });

  it.each(named(BUNDLERS))(
    '%s makes one file of it, which runs with env keys and with a vault',
    async (_name, bundler) => {
      const { file, warnings } = await bundleOf('vault-app.mjs', project, bundler);
      expect(warnings).toEqual([]);
      expect(readFileSync(file, 'utf8')).toContain(OF_AZURE);
      await expectReport(file, ENV_KEYS);
      world.forget();
      await expectReport(file, vault());
      const operations = world.server.requests.map(({ operation }) => operation);
      expect(operations).toContain('wrapKey');
    },
  );

  it.each(named(ONE_OF_EACH))(
    '%s goes on without @azure/identity, and the file says that it is missing',
    async (name, bundler) => {
      const { file, warnings } = await bundleOf('vault-app.mjs', projectWith(KEY_VAULT), bundler);
      // esbuild says nothing.
      expect(warnings).toHaveLength(name.startsWith('esbuild') ? 0 : 1);
      for (const warning of warnings) expect(warning).toContain(IDENTITY);
      await expectReport(file, ENV_KEYS);
      const { stderr } = await runNode([file], { env: vault() });
      expect(stderr).toBe(
        `${NOT_CONFIGURED} the package ${IDENTITY}: run npm install ${IDENTITY}\n`,
      );
    },
  );
});

it.runIf(isSlow)('a bundle loads the adapter by its name from a folder that has it', async () => {
  const world = await VaultWorld.start();
  const project = projectWith(KEY_VAULT, IDENTITY);
  const [bundler] = BUNDLERS;
  const built = mkdtempSync(join(project.folder, 'dist-'));
  const file = join(built, 'app.cjs');
  await bundler?.bundle(join(project.folder, 'app.mjs'), file);
  await expectReport(file, {
    ...CLOSED_VAULT,
    ...world.server.identityProvider.environment(),
    AZURE_KEYVAULT_URL: world.server.url,
    FIELD_ENCRYPT_MEK_NAME: MEK_NAME,
  });
  await world.stop();
});
