/** The command line of the Azure CLI. @module */
import { AzError } from './az-error.js';

export interface AzArguments {
  /** The words before the first option: `keyvault key create`. */
  readonly command: string;
  /** `--name` and its values; a flag has none. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly query: string | undefined;
  readonly output: string;
}

const SHORT = new Map([
  ['-n', '--name'],
  ['-o', '--output'],
  ['-f', '--file'],
  ['-g', '--resource-group'],
]);

export function parseArguments(words: readonly string[]): AzArguments {
  const first = words.findIndex((word) => word.startsWith('-'));
  const command = words.slice(0, first === -1 ? words.length : first).join(' ');
  const options = new Map<string, string[]>();
  let values: string[] | undefined;
  for (const word of words.slice(command === '' ? 0 : command.split(' ').length)) {
    if (word.startsWith('-')) {
      const [name = '', ...inline] = word.split('=');
      values = [...(inline.length > 0 ? [inline.join('=')] : [])];
      options.set(SHORT.get(name) ?? name, values);
    } else if (values) values.push(word);
  }
  return {
    command,
    options,
    query: options.get('--query')?.[0],
    output: options.get('--output')?.[0] ?? 'json',
  };
}

/** @throws AzError where it is absent. */
export function required({ options }: AzArguments, name: string): string {
  const value = options.get(name)?.[0];
  if (value === undefined) {
    throw new AzError(`the following arguments are required: ${name}`, 2);
  }
  return value;
}
