/** Prints every message that the library and the command can print: its code, its text, its place. @module */
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { CallIndex } from './message-calls.js';
import { SiteFinder } from './message-sites.js';

export interface Message {
  readonly code: string;
  readonly text: string;
  readonly places: readonly string[];
}

/** Those of the parser of the command line, which has them in its own code. */
const OF_PARSER = [
  "option '<flag>' argument '<value>' is invalid. It is passed twice: keep one of them.",
  "option '<flag>' argument missing",
  "too many arguments for '<mode>'. Expected <expected> arguments but got <received>.",
  "unknown command '<name>'<suggestion>",
  "unknown option '<flag>'<suggestion>",
].map((text) => ({ code: 'UsageError', text, places: ['command/main/parse-command.ts'] }));

const ROOT = join(import.meta.dirname, '..');

export function messagesOf(root: string): readonly Message[] {
  const folders = ['src', 'command'].map((name) => `${join(root, name)}/`);
  const names = folders.flatMap((folder) => ts.sys.readDirectory(folder, ['.ts']));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (name) =>
    ts.sys.readFile(name),
  ) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(names, { ...options, types: ['node'] });
  const checker = program.getTypeChecker();
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => folders.some((folder) => fileName.startsWith(folder)));
  const calls = new CallIndex(checker, files);
  const finder = new SiteFinder(checker, calls);
  const found = new Map<string, { code: string; text: string; places: Set<string> }>();
  for (const file of files) {
    for (const { code, text: written, node } of finder.in(file)) {
      const text = oneLine(written);
      const place = node.getSourceFile();
      // A kit of contract tests aborts calls on purpose.
      if (code === 'Error' && place.fileName.includes('/src/testing/')) continue;
      if (code === 'InvalidArgumentError') continue;
      const { line } = place.getLineAndCharacterOfPosition(node.getStart(place));
      const key = `${code} ${text.replaceAll(/<[^<>]*>/g, '<>')}`;
      const message = found.get(key) ?? { code, text, places: new Set() };
      message.places.add(`${relative(root, place.fileName)}:${String(line + 1)}`);
      found.set(key, message);
    }
  }
  const extracted = withoutInstances([...found.values()]);
  return [...extracted.map((each) => ({ ...each, places: [...each.places] })), ...OF_PARSER].sort(
    (one, other) => (`${one.code} ${one.text}` < `${other.code} ${other.text}` ? -1 : 1),
  );
}

/** Without the mark of a line in a list. */
function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/^- /, '');
}

interface Text {
  readonly code: string;
  readonly text: string;
}

/** Without those that another one of the code also is, with a short value in place of a placeholder. */
function withoutInstances<T extends Text>(all: readonly T[]): readonly T[] {
  return all.filter(
    (one) =>
      !all.some((other) => other !== one && other.code === one.code && isInstance(one, other)),
  );
}

/** At most two words, or a remark in brackets. */
const VALUE = String.raw`(?:\([^()]*\)|\S* ?\S*)`;

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function isInstance(one: Text, other: Text): boolean {
  if (other.text.startsWith('<') && !one.text.startsWith('<')) return false;
  const [first = '', ...parts] = other.text.split(/<[^<>]*>/);
  const pattern = parts.map((part) => `${VALUE}${escaped(part)}`).join('');
  return new RegExp(`^${escaped(first)}${pattern}$`, 's').test(one.text) && parts.length > 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { code, text, places } of messagesOf(ROOT)) {
    process.stdout.write(`${code}\t${text}\t${places.join(' ')}\n`);
  }
}
