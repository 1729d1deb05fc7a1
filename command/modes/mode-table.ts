/** Every mode of the command: what help, the manifest and the parser say of it. @module */
import type { FlagName } from '../command-line/flags.js';

/** What a mode does to a store. */
export type Access = 'none' | 'read' | 'write';

/** What the identity that runs the mode has to be allowed. */
export interface Permissions {
  /** Operations of the key service. */
  readonly vault: readonly ('get' | 'unwrapKey' | 'wrapKey')[];
  readonly dekStore: Access;
  readonly documents: Access;
}

export interface Mode {
  readonly summary: string;
  /** A whole command line after the name of the command. */
  readonly example: string;
  readonly flags: readonly FlagName[];
  /** Flags without which the mode is refused. */
  readonly required?: readonly FlagName[];
  readonly permissions: Permissions;
  /** It asks before it begins: a yes, or the name of the product; with --shred in both cases. */
  readonly asks?: 'product' | 'yes';
  /** It works without a product and without the configuration of one. */
  readonly withoutProduct?: true;
  /** The flag whose value may also stand after the name of the mode, without the flag. */
  readonly argument?: FlagName;
  /** It has findings, although it works without a product. */
  readonly hasFindings?: true;
  /** It asks a service, although it works without a product. */
  readonly reaches?: true;
}

/** Flags of every mode. */
export const COMMON_FLAGS: readonly FlagName[] = ['format', 'json', 'quiet', 'no-color', 'report'];
const PRODUCT: readonly FlagName[] = ['config', 'product', 'user', 'document-keys'];
const RUN: readonly FlagName[] = [
  'dry-run',
  'concurrency',
  'max-failures',
  'max-vault-ops',
  'reserve-for-traffic',
];
const ROTATION: readonly FlagName[] = ['key-provider', 'verify-wraps', 'take-over', 'shard'];

const NOTHING: Permissions = { vault: [], dekStore: 'none', documents: 'none' };
const LOOK: Permissions = { vault: [], dekStore: 'read', documents: 'none' };
const LOOK_AT_ALL: Permissions = { vault: [], dekStore: 'read', documents: 'read' };
const OPEN_ALL: Permissions = { vault: ['unwrapKey'], dekStore: 'read', documents: 'read' };
const CHANGE_ROWS: Permissions = {
  vault: ['wrapKey', 'unwrapKey'],
  dekStore: 'write',
  documents: 'none',
};
const CHANGE_ALL: Permissions = {
  vault: ['wrapKey', 'unwrapKey'],
  dekStore: 'write',
  documents: 'write',
};

export const MODES = {
  status: {
    summary: 'shows the rotation, the DEKs by MEK version, plaintext left, and what is unfinished',
    example: 'status --product notelett',
    flags: [...PRODUCT, 'collection'],
    permissions: LOOK_AT_ALL,
  },
  preflight: {
    summary: 'checks everything that a rotation depends on, and changes nothing',
    example: 'preflight --product notelett --new-mek-version <version>',
    flags: [
      ...PRODUCT,
      'new-mek-version',
      'old-mek-version',
      'key-provider',
      'max-vault-ops',
      'reserve-for-traffic',
    ],
    required: ['new-mek-version'],
    permissions: {
      vault: ['get', 'wrapKey', 'unwrapKey'],
      dekStore: 'read',
      documents: 'read',
    },
  },
  encrypt: {
    summary: 'encrypts what is still plaintext, and brings documents to the current definition',
    example: 'encrypt --product notelett --collection notes --dry-run',
    flags: [...PRODUCT, ...RUN, 'collection', 'stage', 'allow-empty', 'yes'],
    permissions: CHANGE_ALL,
    asks: 'yes',
  },
  'rewrap-deks': {
    summary: 'rotates the MEK: rewraps every DEK under another version',
    example: 'rewrap-deks --product notelett --new-mek-version <version>',
    flags: [
      ...PRODUCT,
      ...RUN,
      ...ROTATION,
      'new-mek-version',
      'old-mek-version',
      'lost-mek',
      'allow-unknown',
      'yes',
    ],
    required: ['new-mek-version'],
    permissions: CHANGE_ROWS,
  },
  verify: {
    summary: 'proves that every DEK is under the target, and opens sample documents',
    example: 'verify --product notelett --new-mek-version <version> --sample 50',
    flags: [
      ...PRODUCT,
      'new-mek-version',
      'key-provider',
      'sample',
      'open-wraps',
      'collection',
      'concurrency',
      'max-vault-ops',
      'reserve-for-traffic',
    ],
    permissions: OPEN_ALL,
  },
  'retire-check': {
    summary: 'says whether a MEK version may be disabled, or from when',
    example:
      'retire-check --product notelett --mek-version <version> --soak 24h --backup-window 30d',
    flags: [
      ...PRODUCT,
      'mek-version',
      'key-provider',
      'mek-name',
      'soak',
      'backup-window',
      'allow-unknown',
    ],
    required: ['mek-version'],
    permissions: LOOK,
  },
  rollback: {
    summary: 'goes back to the earlier MEK version',
    example: 'rollback --product notelett --to-mek-version <version>',
    flags: [
      ...PRODUCT,
      ...RUN,
      ...ROTATION,
      'to-mek-version',
      'verify-flips',
      'allow-unknown',
      'yes',
    ],
    required: ['to-mek-version'],
    permissions: CHANGE_ROWS,
    asks: 'yes',
  },
  prune: {
    summary: 'removes the earlier wraps that rotations kept, after the soak',
    example: 'prune --product notelett --soak 24h',
    flags: [
      ...PRODUCT,
      ...RUN,
      'soak',
      'rewrapped-before',
      'mek-version',
      'key-provider',
      'mek-name',
      'allow-unknown',
      'yes',
    ],
    permissions: { vault: ['unwrapKey'], dekStore: 'write', documents: 'none' },
    asks: 'yes',
  },
  're-encrypt': {
    summary: 'gives each document a fresh DEK, and rewrites its fields',
    example: 're-encrypt --product notelett --older-than 90d --dry-run',
    flags: [...PRODUCT, ...RUN, 'collection', 'older-than', 'created-before', 'shred', 'yes'],
    permissions: CHANGE_ALL,
    asks: 'yes',
  },
  recover: {
    summary: 'recovers the DEKs with the recovery key, when every MEK version is lost',
    example: 'recover --product notelett --new-mek-version <version> --private-key recovery.pem',
    flags: [
      ...PRODUCT,
      ...RUN,
      'key-provider',
      'take-over',
      'new-mek-version',
      'private-key',
      'passphrase-variable',
      'yes',
    ],
    required: ['new-mek-version', 'private-key'],
    permissions: CHANGE_ROWS,
    asks: 'product',
  },
  'recovery-drill': {
    summary: 'rehearses the recovery on a copy of the store, and opens sample documents with it',
    example: 'recovery-drill --product notelett --copy drill --private-key recovery.pem',
    flags: [
      ...PRODUCT,
      'copy',
      'private-key',
      'passphrase-variable',
      'sample',
      'dry-run',
      'concurrency',
      'max-failures',
      'yes',
    ],
    required: ['copy', 'private-key'],
    permissions: { vault: [], dekStore: 'write', documents: 'read' },
    asks: 'yes',
  },
  'adopt-restore': {
    summary: 'makes a DEK store that was restored from a backup safe to write to',
    example: 'adopt-restore --product notelett --epoch-seen 7 --check-documents --dry-run',
    flags: [
      ...PRODUCT,
      ...RUN,
      'new-mek-version',
      'key-provider',
      'epoch-seen',
      'shred-again',
      'collection',
      'check-documents',
      'allow-empty',
      'yes',
    ],
    permissions: { vault: ['wrapKey', 'unwrapKey'], dekStore: 'write', documents: 'read' },
    asks: 'yes',
  },
  'import-rows': {
    summary: 'brings single DEK rows back from a restored copy of the store',
    example: 'import-rows --product notelett --from restored --dek-id <id> --dry-run',
    flags: [...PRODUCT, ...RUN, 'from', 'dek-id', 'scope', 'yes'],
    required: ['from'],
    permissions: CHANGE_ROWS,
    asks: 'yes',
  },
  reseal: {
    summary: 'brings every record under the current record key',
    example: 'reseal --product notelett --dry-run',
    flags: [...PRODUCT, 'dry-run', 'concurrency', 'max-failures', 'yes'],
    // A row without a mac gets its first one only where it opens.
    permissions: { vault: ['unwrapKey'], dekStore: 'write', documents: 'none' },
    asks: 'yes',
  },
  'add-recovery-wraps': {
    summary: 'gives every DEK a wrap for the recovery key',
    example: 'add-recovery-wraps --product notelett --dry-run',
    flags: [...PRODUCT, ...RUN, 'yes'],
    permissions: { vault: ['unwrapKey'], dekStore: 'write', documents: 'none' },
    asks: 'yes',
  },
  abandon: {
    summary: 'puts a tombstone in the place of a row that nothing can open',
    example: 'abandon --product notelett --dek-id <id> --evidence row.json',
    flags: [
      ...PRODUCT,
      'dek-id',
      'evidence',
      'confirm',
      'lost-mek',
      'collection',
      'document-key',
      'private-key',
      'passphrase-variable',
      'dry-run',
      'yes',
    ],
    required: ['dek-id'],
    permissions: { vault: ['unwrapKey'], dekStore: 'write', documents: 'none' },
    asks: 'yes',
  },
  move: {
    summary: 'moves documents to another collection or key',
    example: 'move --product notelett --from-collection notes --to-collection pages --dry-run',
    flags: [...PRODUCT, ...RUN, 'from-collection', 'to-collection', 'keep-deks', 'yes'],
    required: ['from-collection', 'to-collection'],
    permissions: CHANGE_ALL,
    asks: 'yes',
  },
  definitions: {
    summary: 'compares the recorded definitions with those of the configuration',
    example: 'definitions --product notelett',
    flags: [...PRODUCT, 'collection', 'register', 'forget', 'allow-empty', 'dry-run', 'yes'],
    permissions: { vault: [], dekStore: 'write', documents: 'read' },
  },
  'key new': {
    summary: 'makes a key for the env provider, or a record key',
    example: 'key new',
    flags: [],
    permissions: NOTHING,
    withoutProduct: true,
  },
  'key fingerprint': {
    summary: 'prints the MEK version of an env key',
    example: 'key fingerprint --variable FIELD_ENCRYPT_KEY',
    flags: ['variable'],
    permissions: NOTHING,
    withoutProduct: true,
  },
  'remove-encryption': {
    summary: 'stores every field in clear again: the way out',
    example: 'remove-encryption --product notelett --collection notes --dry-run',
    flags: [...PRODUCT, ...RUN, 'collection', 'yes'],
    permissions: { vault: ['unwrapKey'], dekStore: 'write', documents: 'write' },
    asks: 'product',
  },
  doctor: {
    summary: 'finds what is wrong in the stores, each with the command that repairs it',
    example: 'doctor --product notelett',
    flags: [...PRODUCT, 'collection', 'concurrency'],
    permissions: LOOK_AT_ALL,
  },
  'audit send': {
    summary: 'sends the audit events that wait in the spool',
    example: 'audit send',
    flags: ['config'],
    permissions: NOTHING,
    withoutProduct: true,
    reaches: true,
  },
  'report verify': {
    summary: 'checks that a report is whole, unchanged, and signed with the configured secret',
    example: 'report verify rotation.json',
    flags: ['config', 'file'],
    required: ['file'],
    permissions: NOTHING,
    withoutProduct: true,
    argument: 'file',
    hasFindings: true,
  },
  manifest: {
    summary: 'describes every mode, flag, exit code and result, for scripts',
    example: 'manifest --json',
    flags: [],
    permissions: NOTHING,
    withoutProduct: true,
  },
  'config check': {
    summary: 'checks the configuration, with every mistake at once',
    example: 'config check',
    flags: ['config'],
    permissions: NOTHING,
    withoutProduct: true,
  },
  'config show': {
    summary: 'shows the configuration in effect, and where each value came from',
    example: 'config show',
    flags: ['config', 'product'],
    permissions: NOTHING,
    withoutProduct: true,
  },
} as const satisfies Readonly<Record<string, Mode>>;

export type ModeName = keyof typeof MODES;

export const MODE_NAMES = Object.keys(MODES) as readonly ModeName[];

export function modeOf(name: ModeName): Mode {
  return MODES[name];
}

/** The flags of a mode, with those of every mode. */
export function flagsOf(name: ModeName): readonly FlagName[] {
  return [...modeOf(name).flags, ...COMMON_FLAGS];
}
