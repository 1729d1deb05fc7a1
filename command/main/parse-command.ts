/** Parses the command line. @module */
import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { EXIT_MEANINGS } from '../command-line/exit-codes.js';
import { type FlagName, FLAGS, flagOf, type RawFlags, variableOf } from '../command-line/flags.js';
import { UsageError } from '../command-line/usage-error.js';
import { flagsOf, type Mode, MODE_NAMES, modeOf, type ModeName } from '../modes/mode-table.js';

type Environment = Readonly<Record<string, string | undefined>>;

export type ParsedCommand =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'mode'; readonly mode: ModeName; readonly raw: RawFlags };

/** @throws UsageError for an unknown mode or flag, with the nearest name. */
export function parseCommand(argv: readonly string[], env: Environment): ParsedCommand {
  if (argv.length === 1 && argv[0] === '--version') return { kind: 'help', text: `${version()}\n` };
  const words = withModeFirst(argv, env);
  let [text, groupText] = ['', ''];
  let parsed: ParsedCommand | undefined;
  const program = programOf((mode, raw) => {
    parsed = { kind: 'mode', mode, raw };
  });
  for (const each of allCommands(program)) {
    each.exitOverride().configureOutput({
      writeOut: (part) => (text += part),
      // The help of a group of modes, where none of them is named.
      writeErr: (part) => (groupText += part),
      getOutHasColors: () => false,
    });
  }
  try {
    program.parse(words.length === 0 ? ['--help'] : words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0 && error.code !== 'commander.help')
      throw new UsageError(textOf(error));
  }
  return parsed ?? { kind: 'help', text: text || groupText };
}

function textOf({ message }: CommanderError): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ': did you mean $1?');
}

/**
 * A leading `--`, as package managers leave it, is dropped; the mode comes first: the first
 * word that is no flag, `--mode` or the variable.
 */
function withModeFirst(argv: readonly string[], env: Environment): readonly string[] {
  const words = argv[0] === '--' ? argv.slice(1) : [...argv];
  const modes: string[] = [];
  const others: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (word.startsWith('--mode=')) modes.push(modeNamed(word.slice('--mode='.length)));
    else if (word === '--mode') {
      modes.push(modeNamed(value));
      at += 1;
    } else if (takesValue(word) && value !== undefined) {
      others.push(word, value);
      at += 1;
    } else others.push(word);
  }
  const variable = env[variableOf('mode') ?? ''];
  const hasWord = others.some((word, at) => !word.startsWith('-') && !isValue(others, at));
  if (modes.length === 0 && variable && !hasWord) modes.push(variable);
  if (modes.length > 1) throw new UsageError('--mode is passed twice: keep one of them');
  const [mode] = modes;
  if (mode === undefined) return wordsFirst(others);
  if (hasWord)
    throw new UsageError(`--mode ${mode} and the name of a mode are both passed: keep one`);
  return [...mode.split(/[ :]/), ...others];
}

function modeNamed(value: string | undefined): string {
  if (!value) throw new UsageError('--mode: expected the name of a mode');
  return value;
}

function takesValue(word: string): boolean {
  const name = word.slice(2);
  return word.startsWith('--') && isFlag(name) && flagOf(name).argument !== undefined;
}

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}

function isValue(words: readonly string[], at: number): boolean {
  return at > 0 && takesValue(words[at - 1] ?? '');
}

/** Flags may stand before the mode. */
function wordsFirst(words: readonly string[]): readonly string[] {
  const isWord = (at: number): boolean => !(words[at] ?? '').startsWith('-') && !isValue(words, at);
  const own = words.filter((_, at) => isWord(at));
  return [...own, ...words.filter((_, at) => !isWord(at))];
}

type OnMode = (mode: ModeName, raw: RawFlags) => void;

function programOf(onMode: OnMode): Command {
  const program = new Command('encrypt-migrate')
    .description('Rotates master keys, encrypts what is plaintext, and checks both.')
    .helpOption('-h, --help', 'show this help')
    .option('--mode <mode>', flagOf('mode').description)
    .option('--version', 'print the version of the package')
    .helpCommand(false)
    .addHelpText('after', () => `\n${examplesText()}\n\n${exitCodesText()}`);
  for (const name of MODE_NAMES) addMode(program, name, onMode);
  program.usage('<mode> [flags]');
  return program;
}

function addMode(program: Command, name: ModeName, onMode: OnMode): void {
  const mode = modeOf(name);
  const [first = '', second] = name.split(' ');
  let parent = program;
  if (second !== undefined)
    parent = program.commands.find((each) => each.name() === first) ?? group(program, first);
  const command = parent
    .command(second ?? first)
    .description(mode.summary)
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments(false)
    .addHelpText('after', () => modeHelp(mode));
  for (const flag of flagsOf(name)) command.addOption(optionOf(flag));
  if (mode.argument) command.argument(`[${flagOf(mode.argument).argument ?? ''}]`);
  command.action(() => {
    onMode(name, { ...rawFlags(command, name), ...argumentOf(command, mode) });
  });
}

/** @throws UsageError where the value is passed in both ways. */
function argumentOf(command: Command, { argument }: Mode): RawFlags {
  const [value] = command.args;
  if (argument === undefined || value === undefined) return {};
  if (command.getOptionValue(optionOf(argument).attributeName()) !== undefined) {
    throw new UsageError(`--${argument} and ${value} are both passed: keep one`);
  }
  return { [argument]: value };
}

function group(program: Command, name: string): Command {
  const summaries = {
    audit: 'sends audit events',
    key: 'makes and names keys',
    config: 'checks and shows the configuration',
    report: 'verifies reports',
  };
  return program
    .command(name)
    .description(summaries[name as keyof typeof summaries])
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false);
}

function optionOf(name: FlagName): Option {
  const { argument, description, repeatable } = flagOf(name);
  const option = new Option(
    argument === undefined ? `--${name}` : `--${name} <${argument}>`,
    description,
  );
  if (argument === undefined) return option;
  return option.argParser<string | readonly string[] | undefined>(
    (value, previous: string | readonly string[] | undefined) => {
      if (repeatable) return [...[previous ?? []].flat(), value];
      if (previous !== undefined)
        throw new InvalidArgumentError('It is passed twice: keep one of them.');
      return value;
    },
  );
}

function rawFlags(command: Command, mode: ModeName): RawFlags {
  const options = command.opts<Record<string, boolean | string | readonly string[] | undefined>>();
  const raw: Partial<Record<FlagName, boolean | string | readonly string[]>> = {};
  for (const name of flagsOf(mode)) {
    const option = optionOf(name);
    const value = options[option.attributeName()];
    // The parser reads --no-color as the opposite of a flag "color".
    const found = option.negate ? value === false : value;
    if (found !== undefined && found !== false) raw[name] = found;
  }
  return raw;
}

function modeHelp({ example }: Mode): string {
  return `\nExample:\n  encrypt-migrate ${example}\n\nEach flag except --yes also has a variable: ENCRYPT_MIGRATE_DRY_RUN=true for --dry-run.\n\n${exitCodesText()}`;
}

function examplesText(): string {
  const lines = MODE_NAMES.map((name) => `  encrypt-migrate ${modeOf(name).example}`);
  return ['Examples:', ...lines].join('\n');
}

function exitCodesText(): string {
  const lines = Object.entries(EXIT_MEANINGS).map(
    ([code, text]) => `  ${code.padStart(3)}  ${text}`,
  );
  return ['Exit codes:', ...lines].join('\n');
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** Of the package that the command comes with. */
export function version(): string {
  const require = createRequire(import.meta.url);
  return (require('@bytelyst/field-encrypt/package.json') as { readonly version: string }).version;
}
