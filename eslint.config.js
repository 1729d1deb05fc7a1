import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { above, COMMAND_LADDER, LADDER } from './tools/ladder.mjs';

const CIPHERS = [
  'createCipheriv',
  'createDecipheriv',
  'hkdf',
  'hkdfSync',
  'createHmac',
  'webcrypto',
  'publicEncrypt',
  'privateDecrypt',
];
const ADAPTERS = ['**/audit-sinks/*', '**/otel/*', '**/sqlite/*', '**/testing/*', '**/azure/**'];

const time = {
  'no-restricted-globals': ['error', 'setTimeout', 'setInterval', 'setImmediate', 'performance'],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Take time from the injected Clock.' },
    { object: 'Math', property: 'random', message: 'Take jitter from the injected Clock.' },
  ],
  'no-restricted-syntax': [
    'error',
    {
      selector: "NewExpression[callee.name='Date'][arguments.length=0]",
      message: 'Take time from the injected Clock.',
    },
  ],
};

/** `no-restricted-imports` takes one list for each file: these are put together below. */
const onlyClock = { name: 'node:timers/promises', message: 'Only async/clock.ts sleeps.' };
const onlyExpiringMap = { name: 'lru-cache', message: 'Only async/expiring-map.ts uses it.' };
const onlyCrypto = {
  name: 'node:crypto',
  importNames: CIPHERS,
  message: 'Only src/crypto touches ciphers.',
};
const noAdapters = { group: ADAPTERS, message: 'Adapters depend on core, never back.' };

function imports(paths, patterns = []) {
  return { 'no-restricted-imports': ['error', { paths, patterns }] };
}

/** No folder of a tree imports from one above it, or beside it: tools/ladder.mjs. */
function ladderOf(tree, rungs) {
  return rungs
    .flat()
    .filter((folder) => !folder.endsWith('.ts'))
    .map((folder) => ({
      files: [`${tree}/${folder}/**/*.ts`],
      rules: {
        '@typescript-eslint/no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                regex: `^(\\.\\./)+(${[...above(folder, rungs), 'src'].join('|').replaceAll('.ts', '\\.js')})(/|$)`,
                message: `${tree}/${folder} does not reach it: tools/ladder.mjs.`,
              },
            ],
          },
        ],
      },
    }));
}

export default defineConfig(
  { ignores: ['dist', 'coverage', 'node_modules', '.snippets'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      'max-lines': ['error', 400],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      ...time,
      ...imports([onlyClock, onlyExpiringMap, onlyCrypto], [noAdapters]),
      'max-lines-per-function': ['error', { max: 60, skipComments: true }],
    },
  },
  { files: ['src/crypto/*.ts'], rules: imports([onlyClock, onlyExpiringMap], [noAdapters]) },
  {
    files: ['src/async/expiring-map.ts'],
    rules: imports([onlyClock, onlyCrypto], [noAdapters]),
  },
  {
    files: ['src/async/clock.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      ...imports([onlyExpiringMap, onlyCrypto], [noAdapters]),
    },
  },
  {
    files: ['src/{audit-sinks,azure,otel,sqlite,testing}/**/*.ts'],
    rules: imports([onlyClock, onlyExpiringMap, onlyCrypto]),
  },
  {
    files: ['command/**/*.ts'],
    rules: {
      ...time,
      ...imports([onlyClock]),
      'max-lines-per-function': ['error', { max: 60, skipComments: true }],
    },
  },
  ...ladderOf('src', LADDER),
  ...ladderOf('command', COMMAND_LADDER),
);
