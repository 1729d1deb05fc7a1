/** `az keyvault secret …`, for which the vault of the tests has no server: versions are files in `E2E_VAULT_FOLDER`. @module */
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { required, type AzArguments } from './arguments.js';
import { AzError } from './az-error.js';
import type { AzCommand } from './keys.js';

const DISABLED = '.disabled';

function folderOf(given: AzArguments): string {
  return join(process.env['E2E_VAULT_FOLDER'] ?? '', required(given, '--name'));
}

/** The oldest first: their names begin with a number. */
function versionsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.endsWith(DISABLED))
    .sort();
}

/** `--version`, or that of `--id`, or the newest. */
function chosenFile(given: AzArguments): string {
  const folder = folderOf(given);
  const wanted = given.options.get('--version')?.[0] ?? '';
  const found = versionsIn(folder).findLast((name) => name.endsWith(wanted));
  const name = required(given, '--name');
  if (found === undefined) {
    throw new AzError(
      `(SecretNotFound) A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command.`,
    );
  }
  return join(folder, found);
}

function shown(given: AzArguments, file: string): object {
  const version = file.slice(file.lastIndexOf('-') + 1);
  const created = statSync(file)
    .mtime.toISOString()
    .replace(/\.\d+Z/, '+00:00');
  const name = required(given, '--name');
  return {
    attributes: { created, enabled: !existsSync(file + DISABLED), expires: null },
    contentType: null,
    id: `https://${required(given, '--vault-name')}.vault.azure.net/secrets/${name}/${version}`,
    name,
  };
}

function withValue(given: AzArguments, file: string): object {
  if (existsSync(file + DISABLED)) {
    throw new AzError('(Forbidden) Operation get is not allowed on a disabled secret.');
  }
  return { ...shown(given, file), value: readFileSync(file, 'utf8') };
}

function set(given: AzArguments): object {
  const folder = folderOf(given);
  mkdirSync(folder, { recursive: true });
  const number = String(versionsIn(folder).length + 1).padStart(4, '0');
  const file = join(folder, `${number}-${randomBytes(16).toString('hex')}`);
  const from = given.options.get('--file')?.[0];
  writeFileSync(file, from === undefined ? required(given, '--value') : readFileSync(from));
  return withValue(given, file);
}

function download(given: AzArguments): undefined {
  const file = required(given, '--file');
  if (existsSync(file)) throw new AzError(`File or directory named '${file}' already exists.`);
  const { value } = withValue(given, chosenFile(given)) as { readonly value: string };
  writeFileSync(file, value, { mode: 0o600 });
}

function setAttributes(given: AzArguments): object {
  const file = chosenFile(given);
  const enabled = given.options.get('--enabled')?.[0];
  if (enabled === 'false') writeFileSync(file + DISABLED, '');
  if (enabled === 'true') rmSync(file + DISABLED, { force: true });
  return shown(given, file);
}

export const secretCommands: Readonly<Record<string, AzCommand>> = {
  'keyvault secret set': (given) => Promise.resolve(set(given)),
  'keyvault secret show': (given) => Promise.resolve(withValue(given, chosenFile(given))),
  'keyvault secret download': (given) => {
    download(given);
    return Promise.resolve();
  },
  'keyvault secret set-attributes': (given) => Promise.resolve(setAttributes(given)),
  'keyvault secret list-versions': (given) => {
    const folder = folderOf(given);
    return Promise.resolve(versionsIn(folder).map((name) => shown(given, join(folder, name))));
  },
};
