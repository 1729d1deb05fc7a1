/** What a re-encryption is asked to do, checked before anything happens. @module */
import {
  describeType,
  ownProperties,
  requireBoolean,
  requireKnownOptions,
  requirePlainObject,
} from '../guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import {
  readMigrationOptions,
  type MigrationOptions,
  type MigrationRequest,
} from './migration-options.js';

/** Where DEKs come from that the encryption itself cannot open any more. */
export interface ReencryptSource {
  /** Has the id and MEK name that the old rows name: a restored vault, an old key. */
  readonly keyProvider: KeyProvider;
  /** A restored copy of the rows. @default the encryption's own store */
  readonly dekStore?: DekStore;
}

export interface ReencryptOptions extends MigrationOptions {
  /**
   * Every DEK made before this moment is replaced: when the leak was closed, say. Give the same moment
   * again to go on with a run that stopped: what it made is newer, and stays. ISO text has to be as
   * `toISOString()` writes it.
   */
  readonly createdBefore: Date | string;
  /** Destroys the old DEKs once no document can name them any more. @default false */
  readonly shred?: boolean;
  readonly source?: ReencryptSource;
}

/** @internal */
export interface ReencryptRequest extends MigrationRequest {
  readonly createdBefore: string;
  readonly shred: boolean;
  readonly source: ReencryptSource | undefined;
}

const OWN: readonly (keyof ReencryptOptions)[] = ['createdBefore', 'shred', 'source'];

/**
 * @param nowMs - A moment to come would take the run's own DEKs for old ones.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readReencryptOptions(options: ReencryptOptions, nowMs: number): ReencryptRequest {
  const request = readMigrationOptions(options, OWN);
  const { createdBefore, shred = false, source } = ownProperties(options);
  requireBoolean('shred', shred);
  return {
    ...request,
    createdBefore: readMoment(createdBefore, nowMs),
    shred,
    source: source && readSource(source),
  };
}

function readMoment(moment: unknown, nowMs: number): string {
  const atMs = moment instanceof Date ? moment.getTime() : Date.parse(String(moment));
  const text = Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
  if (text === undefined || (typeof moment === 'string' && moment !== text)) {
    throw new TypeError(
      '"createdBefore" expected a Date, or a time as toISOString() writes it: DEKs made before it are replaced',
    );
  }
  if (atMs <= nowMs) return text;
  throw new RangeError('"createdBefore" expected a moment in the past, got one to come');
}

function readSource(source: unknown): ReencryptSource {
  requirePlainObject('source', source);
  requireKnownOptions(source, ['keyProvider', 'dekStore']);
  const { keyProvider, dekStore } = ownProperties(source as unknown as ReencryptSource);
  const given: unknown = keyProvider;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`"source.keyProvider" expected a key provider, got ${describeType(given)}`);
  }
  return { keyProvider, ...(dekStore && { dekStore }) };
}
