/** Every flag of the command: what help, the manifest and the variables say of it. @module */

/** The description of one flag. A flag without an argument is a switch. */
export interface Flag {
  /** The name of the argument, as help shows it. */
  readonly argument?: string;
  readonly description: string;
  /** The flag may be passed several times; in its variable, the values are separated by commas. */
  readonly repeatable?: true;
  /** The flag has no variable: it has to be in the command line itself. */
  readonly noVariable?: true;
}

function flag(argument: string, description: string): Flag {
  return { argument, description };
}

function list(argument: string, description: string): Flag {
  return { argument, description, repeatable: true };
}

function toggle(description: string): Flag {
  return { description };
}

/** By name, without the dashes. */
export const FLAGS = {
  mode: flag('mode', 'the mode, in place of the first word'),
  config: flag(
    'file',
    'the configuration file (default: encrypt-migrate.config.json, .ts or .mjs)',
  ),
  product: flag('name', 'the product; needed where the configuration has several'),
  format: flag('format', 'table, json or jsonl (default: table)'),
  json: toggle('the same as --format json'),
  report: list('file', 'also write a report to a new file, .json or .html'),
  quiet: toggle('print the result and failures alone'),
  'no-color': toggle('print without colours, as NO_COLOR does'),
  user: flag('name', 'who runs it, for the audit trail (default: the user of the system)'),
  'document-keys': toggle('name documents by their keys in lines, events and reports'),
  'dry-run': toggle('read everything, and write nothing'),
  yes: { description: 'do not ask', noVariable: true },
  concurrency: flag('n', 'most items in flight, 1 to 1000 (default: 8)'),
  'max-failures': flag('n', 'stop after this number of failures in succession (default: 100)'),
  'max-vault-ops': flag('n', 'most operations of each key service per second'),
  'reserve-for-traffic': flag(
    'share',
    'share of --max-vault-ops left to the application, 0 to 0.99',
  ),
  shard: flag('i/n', 'work on part i of n, from 0 on; one process for each part'),
  'key-provider': flag(
    'id[/name]',
    'the provider of the target, where there are several; with its MEK name where several share the id',
  ),
  'new-mek-version': flag('version', 'the MEK version to rotate to; never "latest"'),
  'old-mek-version': flag('version', 'only rows of this MEK version'),
  'to-mek-version': flag('version', 'the earlier MEK version to go back to'),
  'mek-version': flag('version', 'the MEK version to retire'),
  'mek-name': flag('name', 'the MEK name, where the provider is not configured any more'),
  'take-over': toggle('begin although a rotation to another target is unfinished'),
  'verify-wraps': flag('mode', 'unwrap all, first or none of the new wraps (default: all)'),
  'verify-flips': toggle('unwrap each previous wrap before it is restored'),
  'lost-mek': list('provider/name/version', 'a MEK version that is lost'),
  'allow-empty': toggle('accept a product that has no record and no rows'),
  'allow-unknown': toggle('accept a MEK version that no row and no record names'),
  sample: flag('n', 'documents of each collection to decrypt (default: 20)'),
  'open-wraps': toggle('unwrap the wrap of every row'),
  soak: flag('duration', 'how long the version was not used, for example 24h'),
  'backup-window': flag('duration', 'how long backups of the DEK store are kept, for example 30d'),
  'rewrapped-before': flag('moment', 'only rows rewrapped before this moment, with an offset'),
  collection: list('name', 'only this collection (default: all)'),
  stage: flag('stage', 'opening: only paths on their way out of encryption'),
  'older-than': flag('duration', 'collections with a DEK older than this, for example 90d'),
  'created-before': flag('moment', 'the moment before which no DEK is trusted, with an offset'),
  shred: toggle('shred the replaced DEKs in the end'),
  'keep-deks': toggle('retire the DEKs of the old place, and do not shred them'),
  'from-collection': flag('name', 'the collection that the documents leave'),
  'to-collection': flag('name', 'the collection that the documents enter'),
  'private-key': flag('file', 'the private recovery key, as PEM'),
  'passphrase-variable': flag('name', 'the variable with the passphrase of the private key'),
  copy: flag('name', 'the copy of the configuration to work on'),
  from: flag('name', 'the copy of the configuration to read'),
  'dek-id': list('id', 'this DEK'),
  scope: list('id', 'every DEK of this scope, 32 hex digits'),
  'epoch-seen': flag('n', 'the highest epoch that anything outside the store remembers'),
  'shred-again': flag('file', 'ids that were shredded after the backup, one in a line'),
  'check-documents': toggle('read the documents too'),
  evidence: flag('file', 'a new file for the bytes of the row'),
  confirm: flag('digest', 'the digest that the call without it printed'),
  'document-key': list('name=value', 'a key property of the document'),
  register: toggle('record the paths that this configuration seals'),
  forget: toggle('remove paths from the record under which nothing is sealed any more'),
  variable: flag('name', 'the variable with the key (default: standard input)'),
  file: flag('file', 'the report to verify'),
} as const satisfies Readonly<Record<string, Flag>>;

export type FlagName = keyof typeof FLAGS;

export const FLAG_NAMES = Object.keys(FLAGS) as readonly FlagName[];

export function flagOf(name: FlagName): Flag {
  return FLAGS[name];
}

const PREFIX = 'ENCRYPT_MIGRATE_';

/** The name of the variable of a flag: `ENCRYPT_MIGRATE_DRY_RUN` for `--dry-run`. */
export function variableOf(name: FlagName): string | undefined {
  if (flagOf(name).noVariable) return undefined;
  return PREFIX + name.toUpperCase().replaceAll('-', '_');
}

/** Flags as they were written, before their values are read. */
export type RawFlags = Readonly<Partial<Record<FlagName, boolean | string | readonly string[]>>>;

export { PREFIX as VARIABLE_PREFIX };
