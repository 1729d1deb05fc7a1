/** Configurations in code, read by the built command. Needs `dist`. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runNode, type Outcome } from '../../support/packed-project.js';
import { ConfigFolder, ROOT } from './config-folder.js';

const PACKAGE = '@bytelyst/field-encrypt';
const BIN = 'dist/command/encrypt-migrate.js';
const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=';

let made: ConfigFolder;

beforeEach(() => {
  made = new ConfigFolder();
  made.database('keys.db');
  made.install('libsql');
});

afterEach(() => {
  made[Symbol.dispose]();
});

/** @param from - The folder of the package whose command is run. */
function command(args: readonly string[], from = ROOT): Promise<Outcome> {
  return runNode([join(from, BIN), ...args], { cwd: made.path, env: { MEK: KEY } });
}

interface Report {
  readonly result?: {
    readonly parts?: readonly { readonly path: string }[];
    readonly values?: readonly { readonly path: string; readonly value?: unknown }[];
  };
  readonly error?: { readonly message: string };
}

async function checked(from?: string): Promise<Report> {
  const { stdout } = await command(['config', 'check', '--json'], from);
  expect(stdout).not.toContain(KEY);
  return JSON.parse(stdout) as Report;
}

async function refusal(from?: string): Promise<string | undefined> {
  return (await checked(from)).error?.message;
}

const NOTES = `
import { defineDocument } from '${PACKAGE}';
export interface Note { workspaceId: string; id: string; title: string }
export const notes = defineDocument<Note>()({
  collection: 'notes', key: ['workspaceId', 'id'], fields: ['title'],
});`;
const STORES = `
  providers: [{ type: 'env', key: { env: 'MEK' } }],
  dekStore: { type: 'sqlite', file: 'keys.db' },`;

function configWith(product: string): string {
  return `{ products: { notelett: { ${STORES} ${product} } } }`;
}

function notesOf(definition: string, more = ''): string {
  const store = "{ type: 'sqlite', file: 'keys.db', table: 'notes' }";
  return `collections: { notes: { definition: ${definition}, documentStore: ${store}, ${more} } }`;
}

const PATHS = ['dekStore', 'providers[0]', 'collections.notes'].map(
  (part) => `products.notelett.${part}`,
);

describe('a configuration in TypeScript', () => {
  it('has the definitions of the application, which are its own modules in TypeScript', async () => {
    made.install(PACKAGE);
    made.write('src/notes.ts', NOTES);
    made.write(
      'encrypt-migrate.config.ts',
      `import { notes, type Note } from './src/notes.js';
       const upgrade = (note: Partial<Note>): Partial<Note> => note;
       export default ${configWith(notesOf('notes', 'upgrade'))};`,
    );
    expect((await checked()).result?.parts?.map(({ path }) => path)).toEqual(PATHS);
    const { stdout } = await command(['config', 'show', '--json']);
    const { values = [] } = (JSON.parse(stdout) as Report).result ?? {};
    const shown = new Map(values.map(({ path, value }) => [path, value]));
    const path = 'products.notelett.collections.notes';
    expect(shown.get(`${path}.upgrade`)).toBe('a function');
    expect(shown.get(`${path}.definition.fields`)).toEqual(['title']);
  });

  it('is read by the command of the installed package, where nothing else is installed', async () => {
    const copy = made.installCopy('.');
    made.write(
      'encrypt-migrate.config.ts',
      `${NOTES}\nexport default ${configWith(notesOf('notes'))};`,
    );
    expect((await checked(copy)).result?.parts?.map(({ path }) => path)).toEqual(PATHS);
  });

  it('may require the library in an application that compiles to CommonJS', async () => {
    made.install(PACKAGE);
    made.write(
      'src/notes.ts',
      `const { defineDocument } = require('${PACKAGE}');
       exports.notes = defineDocument()({ collection: 'notes', key: ['id'], fields: ['title'] });`,
    );
    made.write(
      'encrypt-migrate.config.ts',
      `import { notes } from './src/notes';\nexport default ${configWith(notesOf('notes'))};`,
    );
    expect((await checked()).result?.parts?.map(({ path }) => path)).toEqual(PATHS);
  });

  it('has one copy of the stores, however they are loaded', async () => {
    const copy = made.installCopy('.');
    made.write(
      'encrypt-migrate.config.ts',
      `import { SqliteDekStore } from '${PACKAGE}/sqlite';
       const required = require('${PACKAGE}/sqlite');
       if (required.SqliteDekStore !== SqliteDekStore) throw new Error('There are two copies');
       export default ${configWith('')};`,
    );
    expect((await checked(copy)).error).toBeUndefined();
  });

  it('leaves nothing behind', async () => {
    made.install(PACKAGE);
    made.write('encrypt-migrate.config.ts', `export default ${configWith('')};`);
    const before = made.files();
    expect((await checked()).error).toBeUndefined();
    expect(made.files()).toEqual(before);
  });
});

describe('a configuration in JavaScript', () => {
  it.each([
    ['an object', (config: string) => config],
    ['a promise', (config: string) => `Promise.resolve(${config})`],
    ['a function', (config: string) => `() => (${config})`],
    ['an asynchronous function', (config: string) => `async () => (${config})`],
  ])('exports %s', async (_what, exported) => {
    made.install(PACKAGE);
    const notes = NOTES.replace(/export interface .*/, '').replace('<Note>', '');
    const config = exported(configWith(notesOf('notes')));
    made.write('encrypt-migrate.config.mjs', `${notes}\nexport default ${config};`);
    expect((await checked()).result?.parts?.map(({ path }) => path)).toEqual(PATHS);
  });

  it.each(['.ts', '.mjs'])('may hold providers and stores of its own in %s', async (extension) => {
    made.install(PACKAGE);
    made.write(
      `encrypt-migrate.config${extension}`,
      `import { EnvKeyProvider } from '${PACKAGE}';
       import { SqliteDekStore } from '${PACKAGE}/sqlite';
       import Database from 'libsql';
       class NotesStore { get() {} list() {} replace() {} count() {} }
       export default { products: { notelett: {
         providers: [new EnvKeyProvider({ key: process.env.MEK })],
         dekStore: new SqliteDekStore(new Database('keys.db')),
         collections: { notes: {
           definition: { key: ['id'], fields: ['title'] }, documentStore: new NotesStore(),
         } },
       } } };`,
    );
    expect((await checked()).result?.parts).toEqual([
      { path: 'products.notelett.dekStore', is: 'SqliteDekStore object' },
      { path: 'products.notelett.providers[0]', is: 'EnvKeyProvider object' },
      { path: 'products.notelett.collections.notes', is: 'NotesStore object' },
    ]);
  });

  it.each([
    [
      'another object',
      configWith('dekStore: new Map()'),
      'dekStore: expected settings, or a DekStore object',
    ],
    [
      'a DEK store for documents',
      configWith(
        notesOf("{ key: ['id'], fields: ['title'] }").replace(
          /documentStore: \{[^}]*\}/,
          'documentStore: { get() {}, list() {}, replace() {}, create() {}, listScope() {} }',
        ),
      ),
      'collections.notes.documentStore.type: is missing: expected "sqlite" or "cosmos"',
    ],
    [
      'a credential that is none',
      configWith(
        "dekStore: { type: 'cosmos', endpoint: 'https://a.example', database: 'd', container: 'c', credential: 'x' }",
      ),
      'dekStore.credential: expected a credential of @azure/identity, got text',
    ],
    [
      'an upgrade that is none',
      configWith(notesOf("{ key: ['id'], fields: ['title'] }", 'upgrade: true')),
      'collections.notes.upgrade: expected a function, got true',
    ],
    [
      'a literal key',
      configWith('recordKey: process.env.MEK'),
      'recordKey: a key may not be in the configuration: put it in an environment variable, and write { "env": "NAME" }',
    ],
    [
      'the definition of another collection',
      configWith(
        `collections: { pages: { definition: defineDocument()({ collection: 'notes', key: ['id'], fields: ['title'] }), documentStore: { type: 'sqlite', file: 'keys.db', table: 'notes' } } }`,
      ),
      'collections.pages.definition: defines the collection "notes", and is configured as "pages": use the same name',
    ],
  ])('is refused for %s', async (_what, config, message) => {
    made.install(PACKAGE);
    const file = made.write(
      'encrypt-migrate.config.mjs',
      `import { defineDocument } from '${PACKAGE}';\nexport default ${config};`,
    );
    expect(await refusal()).toBe(`${file}: products.notelett.${message}`);
  });

  it.each(['.ts', '.mjs'])('is refused in %s without a default export', async (extension) => {
    const file = made.write(`encrypt-migrate.config${extension}`, 'export const config = {};');
    expect(await refusal()).toBe(
      `${file} has no default export: write export default { products: … }`,
    );
  });

  it.each(['.ts', '.mjs'])('is refused in %s where it cannot be loaded', async (extension) => {
    const file = made.write(
      `encrypt-migrate.config${extension}`,
      "throw new Error('the file of settings is missing\\nmore');",
    );
    expect(await refusal()).toBe(`${file} cannot be loaded: the file of settings is missing`);
  });
});

describe('the library', () => {
  it('is the one that the configuration loads', async () => {
    const copy = made.installCopy('.');
    const file = made.write('encrypt-migrate.config.mjs', `export default ${configWith('')};`);
    expect(await refusal()).toBe(
      `${file} would load ${PACKAGE} from ${copy}, and this command is of ${ROOT}: run the command that is installed beside the configuration, or install one copy for both`,
    );
    expect(await refusal(copy)).toBeUndefined();
  });

  it('is the one that defined the documents', async () => {
    made.install(PACKAGE);
    made.installCopy('application');
    made.write(
      'application/notes.mjs',
      NOTES.replace(/export interface .*/, '').replace('<Note>', ''),
    );
    const file = made.write(
      'encrypt-migrate.config.mjs',
      `import { notes } from './application/notes.mjs';\nexport default ${configWith(notesOf('notes'))};`,
    );
    expect(await refusal()).toBe(
      `${file}: products.notelett.collections.notes.definition: the definition was made by another copy of ${PACKAGE} than this command's, ${ROOT}: install one copy for ${file} and for all that it imports`,
    );
  });
});

describe('a package that is not installed', () => {
  it.each([
    [
      '@azure/cosmos',
      "dekStore: { type: 'cosmos', endpoint: 'https://a.example', database: 'd', container: 'c', key: { env: 'MEK' } }",
      'dekStore',
    ],
    [
      '@azure/keyvault-keys',
      "providers: [{ type: 'azure-key-vault', vaultUrl: 'https://a.example', mekName: 'm' }]",
      'providers[0]',
    ],
  ])('is named: %s', async (name, product, part) => {
    const copy = made.installCopy('.');
    const file = made.write('encrypt-migrate.config.mjs', `export default ${configWith(product)};`);
    expect(await refusal(copy)).toBe(
      `${file}: products.notelett.${part}: ${name} is not installed: run npm install ${name}`,
    );
  });
});
