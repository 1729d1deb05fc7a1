/** Runs the code of docs/module-systems.md. Needs the built package. */
import { afterAll, describe, expect, it } from 'vitest';
import { codeUnder } from '../support/docs-code.js';
import { PackedProject, runNode, type Outcome } from '../support/packed-project.js';

const ENV = { FIELD_ENCRYPT_KEY: 'j89QzABAItXjr+KBVnV1/Eb9dxP/8v7hxZhNl4AJs8w=' };
const HELLO = { code: 0, stdout: 'Hello\n', stderr: '' };
const JEST = 'jest/bin/jest.js';
const BABEL = ['@babel/plugin-transform-modules-commonjs', 'babel-jest'];

const PAGE = 'docs/module-systems.md';
const [commonJs = ''] = codeUnder(PAGE, 'CommonJS');
const [staticImport = ''] = codeUnder(PAGE, 'TypeScript that compiles to CommonJS');
const [jestConfig = ''] = codeUnder(PAGE, 'Jest');
const [withKeyVault = ''] = codeUnder(PAGE, 'Bundlers');

const projects: PackedProject[] = [];

afterAll(() => {
  for (const project of projects) project.remove();
});

function projectOf(type: 'commonjs' | 'module', packages: readonly string[] = []): PackedProject {
  const project = new PackedProject({ type }, packages);
  projects.push(project);
  return project;
}

/** One test of a note, by globals that test runners share. */
function testFile(importing: string, register = ''): string {
  return `${register}${importing}
const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['body'] });
test('a note is sealed, opened, and refused at another place', async () => {
  const keyProviders = [new EnvKeyProvider({ key: '${ENV.FIELD_ENCRYPT_KEY}' })];
  const dekStore = new MemoryDekStore();
  const encryptor = createFieldEncryptor({ product: 'notelett', keyProviders, dekStore });
  const stored = await encryptor.encryptDocument(note, { id: 'n1', body: 'Hello' });
  expect(stored.body._enc).toBe(1);
  expect(await encryptor.decryptDocument(note, stored)).toEqual({ id: 'n1', body: 'Hello' });
  const moved = encryptor.decryptDocument(note, { ...stored, id: 'n2' });
  await expect(moved).rejects.toThrow(TamperedError);
});
`;
}

const NAMES = 'createFieldEncryptor, defineDocument, EnvKeyProvider, TamperedError';
const IMPORT = `import { ${NAMES} } from '@bytelyst/field-encrypt';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
`;
const REQUIRE = `const { ${NAMES} } = require('@bytelyst/field-encrypt');
const { MemoryDekStore } = require('@bytelyst/field-encrypt/testing');
`;

function expectPassed({ code, stdout, stderr }: Outcome): void {
  expect(`${stdout}${stderr}`).toMatch(/Tests:? +1 passed/);
  expect(code).toBe(0);
}

describe('plain Node', () => {
  it('loads the package with require(), and the same copy with import()', async () => {
    const project = projectOf('commonjs');
    const file = project.write('app.js', commonJs);
    expect(await runNode([file], { env: ENV })).toEqual(HELLO);
    const both = `
      const required = require('@bytelyst/field-encrypt');
      import('@bytelyst/field-encrypt').then((imported) =>
        console.log(imported.FieldEncryptor === required.FieldEncryptor));
    `;
    const { stdout } = await runNode([project.write('both.js', both)]);
    expect(stdout).toBe('true\n');
  });

  it.each(['adapters', 'audit', 'otel', 'sqlite', 'testing', 'azure/cosmos', 'azure/key-vault'])(
    'loads %s with require()',
    async (entry) => {
      const project = projectOf('commonjs', ['@azure/keyvault-keys', '@opentelemetry/api']);
      const code = `console.log(Object.keys(require('@bytelyst/field-encrypt/${entry}')).length > 0)`;
      expect(await runNode([project.write('app.js', code)])).toMatchObject({ stdout: 'true\n' });
    },
  );
});

describe('tsx', () => {
  it.each([
    ['an ES module', 'module', withKeyVault.replace('encryptor.enabled', "'Hello'")],
    ['TypeScript as CommonJS', 'commonjs', staticImport],
    ['CommonJS', 'commonjs', commonJs],
  ] as const)('runs %s', async (_what, type, code) => {
    const project = projectOf(type);
    const file = project.write('app.ts', code);
    const outcome = await project.tool('tsx/dist/cli.mjs', [file], { env: ENV });
    expect(outcome).toMatchObject({ code: 0, stdout: 'Hello\n' });
  });
});

describe('Vitest', () => {
  it('runs a test without any setting', async () => {
    const project = projectOf('module', ['vitest']);
    project.write('note.test.js', testFile(IMPORT, "import { expect, test } from 'vitest';\n"));
    expectPassed(await project.tool('vitest/vitest.mjs', ['run', '--root', project.folder]));
  });
});

describe('Jest', () => {
  it('runs a test that is an ES module', async () => {
    const project = projectOf('module');
    project.write('note.test.js', testFile(IMPORT));
    project.write('jest.config.js', 'export default { transform: {} };');
    const flags = ['--experimental-vm-modules'];
    expectPassed(await project.tool(JEST, ['--watchman=false'], { flags }));
  });

  it('runs a test that is CommonJS, with the setting of the docs', async () => {
    const project = projectOf('commonjs', BABEL);
    project.write('note.test.js', testFile(REQUIRE));
    project.write('jest.config.js', jestConfig);
    expectPassed(await project.tool(JEST, ['--watchman=false']));
  });

  it('has no import() in CommonJS, and takes the adapter from "keyVault"', async () => {
    const project = projectOf('commonjs', [...BABEL, '@azure/keyvault-keys']);
    project.write('jest.config.js', jestConfig);
    project.write(
      'vault.test.js',
      `const { ConfigurationError, initEncryption } = require('@bytelyst/field-encrypt');
const { MemoryDekStore } = require('@bytelyst/field-encrypt/testing');
const env = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
  AZURE_KEYVAULT_URL: 'https://v.example',
  FIELD_ENCRYPT_MEK_NAME: 'mek',
};
const options = { dekStore: new MemoryDekStore(), env, credential: { getToken: async () => null } };
test('the adapter', async () => {
  const failure = await initEncryption(options).catch((error) => error);
  expect(failure).toBeInstanceOf(ConfigurationError);
  expect(failure.message).toContain('pass keyVault: () => import(');
  const keyVault = async () => require('@bytelyst/field-encrypt/azure/key-vault');
  expect((await initEncryption({ ...options, keyVault })).enabled).toBe(true);
});
`,
    );
    expectPassed(await project.tool(JEST, ['--watchman=false']));
  });
});
