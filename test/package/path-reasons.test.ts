import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FILE = join(ROOT, 'test/package/path-reasons-of.ts');

/** What the compiler says of a definition, by the path that it declares. */
function errorsOf(lines: readonly string[]): readonly string[] {
  const source = [
    `import { defineDocument } from '../../src/index.js';`,
    `interface Level { down: Level; name: string }`,
    `interface Note { id: string; title: string; when: Date; meta: { due?: Date }; level: Level }`,
    `const note = defineDocument<Note>();`,
    `const shape = { collection: 'notes', key: ['id'] } as const;`,
    ...lines,
  ].join('\n');
  const read = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const onDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...more) =>
    name === FILE
      ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2023)
      : onDisk(name, ...more);
  const program = ts.createProgram([FILE], options, host);
  const diagnostics = program.getSemanticDiagnostics(program.getSourceFile(FILE));
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

const deep = `level${'.down'.repeat(6)}.name`;
const errors = errorsOf([
  `note({ ...shape, fields: ['titel'] });`,
  `note({ ...shape, fields: ['title', '${deep}'] });`,
  `note({ ...shape, fields: ['title', 'when'] });`,
  `note({ ...shape, fields: ['meta'] });`,
  `defineDocument<Record<string, unknown>>()({ collection: 'c', key: [], fields: ['title'] });`,
]);

describe('the compile error of a path', { timeout: 60_000 }, () => {
  it.each([
    ['is misspelt', 0, `Did you mean '"title"'?`],
    [
      'has more than seven names',
      1,
      `"${deep}\\" has more than seven names: declare a property above it, which is then encrypted as a whole"`,
    ],
    ...[
      ['is a Date', 2, 'when'],
      ['contains a Date', 3, 'meta'],
    ].map(
      ([what, at, path]) =>
        [
          what as string,
          at as number,
          `"${String(path)}\\" may hold a Date, bigint, Map, Set, function, symbol or class instance, which JSON cannot hold: store text in its place"`,
        ] as const,
    ),
  ] as const)('that %s gives the reason', (_what, at, reason) => {
    expect(errors[at]).toContain(reason);
  });

  it('of a type without properties names the function for it', () => {
    expect(errors.at(-1)).toContain(
      `"The document type names no properties: use defineUntypedDocument"`,
    );
  });
});
