import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { type Message, messagesOf } from '../../tools/messages.js';
import { isPrinted, sectionOf, type TriageRow, triageRows } from '../../tools/triage-rows.js';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/runbooks/TRIAGE.md'), 'utf8');
const rows = triageRows(page);
const messages = messagesOf(ROOT);

interface Named {
  readonly section: string;
  readonly message: string;
}

const nameOf = ({ section, message }: Named): string => `${section}: ${message}`;

/** What the page and the source do not have in common. */
function differences(source: readonly Message[], table: readonly TriageRow[]): readonly string[] {
  const printed = source.map(({ code, text, places }) =>
    nameOf({ section: sectionOf(code, places), message: text }),
  );
  const explained = table.map(nameOf);
  return [
    ...printed.filter((each) => !explained.includes(each)).map((each) => `no row: ${each}`),
    ...explained.filter((each) => !printed.includes(each)).map((each) => `not printed: ${each}`),
    ...explained
      .filter((each, index) => explained.indexOf(each) !== index)
      .map((each) => `twice: ${each}`),
  ];
}

function unexplained(table: readonly TriageRow[]): readonly string[] {
  const isSentence = (text: string): boolean => / .*[.:)]$/.test(text);
  return table
    .filter(({ meaning, action }) => !isSentence(meaning) || !isSentence(action))
    .map(nameOf);
}

describe('the triage page', () => {
  it('has one row for each message of the source, and no other', () => {
    expect(messages.length).toBeGreaterThan(700);
    expect(differences(messages, rows)).toEqual([]);
  });

  it('says in each row what the message means and what to do', () => {
    expect(unexplained(rows)).toEqual([]);
  });

  it('has a section for each code of the library, in alphabetical order', () => {
    const source = readFileSync(join(ROOT, 'src/errors/errors.ts'), 'utf8');
    const unions = source.match(/export type \w*Code =[^;]*;/g) ?? [];
    const codes = new Set([...unions.join('\n').matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code));
    const titles = [...page.matchAll(/^## ([A-Z_]+)$/gm)].map(([, title]) => title);
    expect(codes.size).toBeGreaterThan(40);
    expect(titles).toEqual([...titles].sort());
    expect(titles).toEqual(expect.arrayContaining([...codes]));
  });

  it('has no row that only a message of the past has', () => {
    const [first, ...others] = rows;
    const changed = { ...(first as TriageRow), message: 'No such message' };
    expect(differences(messages, others)).toHaveLength(1);
    expect(differences(messages, [...rows, changed])).toEqual([`not printed: ${nameOf(changed)}`]);
    expect(differences(messages, [changed, ...others])).toHaveLength(2);
    expect(differences(messages, [...rows, first as TriageRow])).toHaveLength(1);
    expect(unexplained([{ ...(first as TriageRow), action: '' }])).toHaveLength(1);
  });
});

/** Folders whose messages are not those of the package. */
const OTHERS = /^(examples|live|lowkey|notes-backend|support|testing|tools|types)\//;
/** What the vault, drivers, or the application of a test say. */
const NOT_OURS = [
  'Error occurred while decoding OAEP padding.',
  'Operation unwrapKey is not allowed on a disabled key.',
  'Operation wrapKey is not allowed on an expired key.',
  'The algorithm does not go with the key.',
  'cannot start a transaction within a transaction',
  // Nothing is wrong there.
  '2 sample documents of 3 of "notes": all open',
];

/** Messages that other tests compare with what was printed, whole or in part. */
function assertedIn(file: string): readonly string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(ROOT, 'test', file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && isAsserted(node)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.filter((text) => text.split(' ').length > 4);
}

/** Tests compare the whole of a message, or a part of it. */
function isPartOf(message: string, text: string): boolean {
  const parts = message.split(/<[^<>]*>/).filter((part) => part.split(' ').length > 4);
  return (
    isPrinted(message, text) ||
    message.includes(text) ||
    parts.some((part) => text.includes(part.trim()))
  );
}

function isAsserted({ parent }: ts.Node): boolean {
  if (ts.isPropertyAssignment(parent)) return /^(message|problem)$/.test(parent.name.getText());
  return ts.isCallExpression(parent) && /toThrow|message\)\.toBe/.test(parent.expression.getText());
}

/** Not by the extractor: a kind of message that it does not know is missing here. */
describe('messages that other tests assert', () => {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
  const tables = files.filter((file) => /^support\/[a-z-]+-errors\.ts$/.test(file));
  const tests = files.filter((file) => file.endsWith('.test.ts') && !OTHERS.test(file));
  const asserted = [...tables, ...tests].flatMap(assertedIn);

  it('are in the triage page', () => {
    expect(asserted.length).toBeGreaterThan(150);
    const missing = asserted.filter((text) => !rows.some(({ message }) => isPartOf(message, text)));
    expect(missing.filter((text) => !NOT_OURS.includes(text))).toEqual([]);
  });
});
