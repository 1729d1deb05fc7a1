import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../command/config/config-file.js';
import { UsageError } from '../../../command/command-line/usage-error.js';
import { CONFIG_FILE, ConfigFolder, PRODUCT } from './config-folder.js';
import { MISTAKES, SECRET } from './mistakes.js';

function folder(): ConfigFolder {
  const made = new ConfigFolder();
  onTestFinished(() => {
    made[Symbol.dispose]();
  });
  return made;
}

async function refusal(made: ConfigFolder, file?: string): Promise<UsageError> {
  const options = { folder: made.path, env: {}, ...(file !== undefined && { file }) };
  return loadConfig(options).then(
    () => {
      throw new Error('It was accepted');
    },
    (error: unknown) => error as UsageError,
  );
}

describe('a wrong configuration', () => {
  it.each(MISTAKES)('is refused for $what', async ({ product, message }) => {
    const made = folder();
    const file = made.write(CONFIG_FILE, { products: { notelett: product } });
    const error = await refusal(made);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${file}: ${message}`);
    expect(error.message).not.toContain(SECRET);
  });

  it('has all its mistakes in one refusal', async () => {
    const made = folder();
    const product = { ...PRODUCT, recordKey: SECRET, minimumEpoch: 0, recordkey: 1 };
    const file = made.write(CONFIG_FILE, { products: { 'my app': product, other: null } });
    const expected = [
      'products["my app"].recordKey: a key may not be in the configuration: put it in an environment variable, and write { "env": "NAME" }',
      'products["my app"].minimumEpoch: must be 1 or more',
      'products["my app"]: unknown key "recordkey": did you mean recordKey?',
      'products.other: expected an object, got null',
    ];
    const { message, problems } = await refusal(made);
    expect(problems).toEqual(expected.map((each) => `${file}: ${each}`));
    expect(message).toBe(problems.map((each) => `- ${each}`).join('\n'));
  });

  it.each([
    ['no products', {}, 'products: is missing: expected an object'],
    ['an empty list of products', { products: {} }, 'products: needs at least one product'],
    ['a list', [], 'the configuration: expected an object, got a list'],
    [
      'a product without a name',
      { products: { '': PRODUCT } },
      'products[""]: has a name that is empty',
    ],
    [
      'a misspelt key',
      { product: {}, products: { notelett: PRODUCT } },
      'the configuration: unknown key "product": did you mean products?',
    ],
  ])('is refused for %s', async (_what, content, message) => {
    const made = folder();
    const file = made.write(CONFIG_FILE, content);
    expect((await refusal(made)).message).toBe(`${file}: ${message}`);
  });

  it.each([
    ['a comma too many', `{\n  "products": { "${SECRET}": 1, }\n}`, ':2:68'],
    ['no end', '{ "products": {', ':1:16'],
    ['a comment', `// ${SECRET}\n{}`, ':1:1'],
    ['nothing in it', '', ':1:1'],
  ])('names the place where JSON has %s', async (_what, text, place) => {
    const made = folder();
    const file = made.write(CONFIG_FILE, text);
    const { message } = await refusal(made);
    expect(message).toBe(
      `${file}${place} is not JSON: check the commas, quotes and brackets at this place`,
    );
  });

  it('is refused where a name is given twice, which JSON leaves open', async () => {
    const made = folder();
    const file = made.write(
      CONFIG_FILE,
      '{ "products": { "a": { "dekStore": 1, "dekStore": 2 } } }',
    );
    expect((await refusal(made)).message).toBe(
      `${file}: products.a.dekStore: is given twice: remove one of them`,
    );
  });
});

describe('the file', () => {
  it('is missing in the folder', async () => {
    const made = folder();
    expect((await refusal(made)).message).toBe(
      `no encrypt-migrate.config.json, .ts or .mjs is in ${made.path}: create one, or pass --config <file>`,
    );
  });

  it('is not the only one', async () => {
    const made = folder();
    made.write(CONFIG_FILE, '{}');
    made.write('encrypt-migrate.config.mjs', '');
    expect((await refusal(made)).message).toBe(
      `${made.path} has encrypt-migrate.config.json and encrypt-migrate.config.mjs: remove all but one, or pass --config <file>`,
    );
  });

  it('is named, and not there', async () => {
    const made = folder();
    expect((await refusal(made, 'other.json')).message).toBe(
      `--config ${made.path}/other.json: there is no such file`,
    );
  });

  it('is named, and of another kind', async () => {
    const made = folder();
    expect((await refusal(made, 'config.yaml')).message).toBe(
      `--config ${made.path}/config.yaml: the name has to end in .json, .ts or .mjs`,
    );
  });

  it('is named, and another than the one in the folder', async () => {
    const made = folder();
    made.write(CONFIG_FILE, '{}');
    const file = made.write('nested/other.json', { products: { notelett: PRODUCT } });
    const loaded = await loadConfig({ folder: made.path, file: 'nested/other.json', env: {} });
    expect(loaded).toMatchObject({ file, folder: `${made.path}/nested` });
  });
});
