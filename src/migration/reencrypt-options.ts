/** What a re-encryption is asked to do, checked before anything happens. @module */
import { readOptions, requireBoolean } from '../guards/guards.js';
import { readPastMoment } from '../guards/past-timestamp.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import {
  readMigrationOptions,
  type MigrationOptions,
  type MigrationRequest,
} from './migration-options.js';
import { requireDekStore, requireKeyProvider } from '../run/required-parts.js';

/** Where DEKs come from that the encryption itself cannot open any more. */
export interface ReencryptSource {
  /** Has the id and MEK name that the old rows name: a restored vault, an old key. */
  readonly keyProvider: KeyProvider;
  /** A restored copy of the rows. @default the encryption's own store */
  readonly dekStore?: DekStore | undefined;
}

export interface ReencryptOptions extends MigrationOptions {
  /**
   * When the leak was closed, say. Every DEK made before this moment is replaced, and since a stored time
   * proves nothing, every other one too that exists when the first run with this moment begins. Give the
   * same moment again to go on with a run that stopped: what it made is new, and stays. ISO text has to be
   * as `toISOString()` writes it.
   */
  readonly createdBefore: Date | string;
  /** Destroys the old DEKs once no document can name them any more. @default false */
  readonly shred?: boolean;
  readonly source?: ReencryptSource;
}

export interface ReencryptRequest extends MigrationRequest {
  readonly createdBefore: string;
  readonly shred: boolean;
  readonly source: ReencryptSource | undefined;
}

const SOURCE: readonly (keyof ReencryptSource)[] = ['keyProvider', 'dekStore'];

/**
 * @param nowMs - A moment to come would take the run's own DEKs for old ones.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readReencryptOptions(options: ReencryptOptions, nowMs: number): ReencryptRequest {
  const { own, request } = readMigrationOptions(options, ['createdBefore', 'shred', 'source']);
  const { createdBefore, shred = false, source } = own;
  requireBoolean('shred', shred);
  return {
    ...request,
    createdBefore: readPastMoment(createdBefore, {
      name: 'createdBefore',
      meaning: 'DEKs made before it are replaced',
      nowMs,
    }),
    shred,
    source: source === undefined ? undefined : readSource(source),
  };
}

function readSource(source: unknown): ReencryptSource {
  const { keyProvider, dekStore } = readOptions(source as ReencryptSource, SOURCE, 'source');
  requireKeyProvider('source.keyProvider', keyProvider);
  // Own, if undefined: a polluted prototype must not give one.
  if (dekStore === undefined) return { keyProvider, dekStore };
  requireDekStore('source.dekStore', ['get', 'getMany'], dekStore);
  return { keyProvider, dekStore };
}
