/** Reads the rotation record often, and counts the rows of DEKs no more often than the database can bear. @module */
import {
  readRecords,
  takeCensus,
  type Census,
  type FieldEncryptor,
  type ProductRecords,
} from '@bytelyst/field-encrypt';
import { shownCodeOf } from '../diagnostics/readiness.js';

export interface Rotation {
  readonly epoch: number;
  readonly state: 'complete' | 'fencing' | 'rewrapping';
  readonly keyProvider: string;
  readonly mekName: string;
  readonly mekVersion: string;
  readonly fenceTtlMs: number;
  readonly startedAt: string;
  readonly fencedAt?: string;
  readonly completedAt?: string;
  /** The record is older than what this process has seen. */
  readonly restored: boolean;
  /** The version before this one, where it is another. */
  readonly earlierVersion?: string;
}

export interface VersionRows {
  readonly keyProvider: string;
  readonly mekName: string;
  readonly mekVersion: string;
  /** DEKs that this version unwraps. */
  readonly live: number;
  readonly previousWraps: number;
  readonly isTarget: boolean;
}

export interface Rows {
  /** How many times the rows were counted since watching began. */
  readonly number: number;
  readonly at: string;
  readonly tookMs: number;
  readonly live: number;
  readonly shredded: number;
  readonly behind: number;
  readonly ahead: number;
  readonly unreadable: number;
  readonly settled: boolean;
  /** The rotation record has not changed since they were counted. */
  readonly isOfRecord: boolean;
  readonly versions: readonly VersionRows[];
}

/** Of an unfinished rotation, by this process or another. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  /** Absent until rows have moved while someone watched. */
  readonly perSecond?: number;
  /** When the record or a row last changed, as far as was watched. */
  readonly movedAt: string;
}

export interface Seen {
  readonly rotation: Rotation | undefined;
  readonly rows: Rows | undefined;
  /** Absent where no rotation is unfinished. */
  readonly progress: Progress | undefined;
  /** Of the last read, where that failed: an error code. */
  readonly failure: string | undefined;
}

/** While a rotation is unfinished, or rows are behind it. */
const SOON_MS = 2_000;
/** Otherwise, as new notes only add rows. */
const SELDOM_MS = 30_000;
/** At most a tenth of the time is spent on counting: a count of a million rows takes long. */
const SHARE_OF_TIME = 10;

export interface CensusTimes {
  readonly now: number;
  /** Of the last count; absent before the first. */
  readonly endedAt?: number;
  readonly tookMs: number;
  /** The rotation record is another than at the last count, an operation was recorded, or anything is unfinished. */
  readonly isMoving: boolean;
}

export function isCensusDue({ now, endedAt, tookMs, isMoving }: CensusTimes): boolean {
  if (endedAt === undefined) return true;
  const pause = isMoving ? SOON_MS : SELDOM_MS;
  return now - endedAt >= Math.max(pause, tookMs * SHARE_OF_TIME);
}

const NOTHING: Seen = {
  rotation: undefined,
  rows: undefined,
  progress: undefined,
  failure: undefined,
};

/** No row has moved for this long: the process that drove the rotation is probably gone. */
export const STILL_MS = 30_000;

/** How fast rows move, from one count to the next. */
export class RotationProgress {
  #record = '';
  #first = { done: 0, at: 0 };
  #done = 0;
  #movedAt = 0;

  of(
    rotation: Rotation | undefined,
    rows: Pick<Rows, 'behind' | 'live'>,
    now: number,
  ): Progress | undefined {
    if (!rotation || rotation.state === 'complete') return undefined;
    const { live } = rows;
    const done = live - rows.behind;
    const record = nameOf(rotation);
    if (record !== this.#record) {
      this.#record = record;
      this.#first = { done, at: now };
      this.#movedAt = now;
    } else if (done > this.#done) this.#movedAt = now;
    this.#done = done;
    // What moves again after a while has a speed of its own.
    if (now - this.#movedAt >= STILL_MS) this.#first = { done, at: now };
    const perSecond = ((done - this.#first.done) * 1_000) / (now - this.#first.at);
    return {
      done,
      of: live,
      ...(perSecond > 0 && Number.isFinite(perSecond) && { perSecond }),
      movedAt: new Date(this.#movedAt).toISOString(),
    };
  }
}

type Store = Pick<FieldEncryptor, 'dekStore' | 'product'>;

export class StoreWatch {
  readonly #encryption: Store;
  #seen: Seen = NOTHING;
  readonly #progress = new RotationProgress();
  #endedAt: number | undefined;
  #countedRecord = '';
  #isChangeExpected = false;

  constructor(encryption: Store) {
    this.#encryption = encryption;
  }

  get seen(): Seen {
    return this.#seen;
  }

  /** Rows may be others now: they are counted sooner. */
  expectChange(): void {
    this.#isChangeExpected = true;
  }

  /** @returns Whether the rows were counted. */
  async look(signal: AbortSignal): Promise<boolean> {
    const options = { allowEmpty: true, signal };
    try {
      const records = await readRecords(this.#encryption, options);
      const rotation = rotationOf(records);
      const { rows: before } = this.#seen;
      const isOfRecord = nameOf(rotation) === this.#countedRecord;
      const counted = before && { ...before, isOfRecord };
      this.#seen = { ...this.#seen, rotation, rows: counted, failure: failureIn(records) };
      if (!this.#isDue(rotation)) return false;
      this.#isChangeExpected = false;
      const begin = performance.now();
      const census = await takeCensus(this.#encryption, options);
      this.#endedAt = performance.now();
      this.#countedRecord = nameOf(rotation);
      const number = (this.#seen.rows?.number ?? 0) + 1;
      const rows = rowsOf(census, { number, tookMs: this.#endedAt - begin });
      this.#seen = { ...this.#seen, rows, progress: this.#progress.of(rotation, rows, Date.now()) };
      return true;
    } catch (error) {
      this.#seen = { ...this.#seen, failure: shownCodeOf(error) };
      return false;
    }
  }

  #isDue(rotation: Rotation | undefined): boolean {
    const { rows } = this.#seen;
    const isUnfinished = rotation !== undefined && rotation.state !== 'complete';
    const isOther = this.#isChangeExpected || nameOf(rotation) !== this.#countedRecord;
    return isCensusDue({
      now: performance.now(),
      ...(this.#endedAt !== undefined && { endedAt: this.#endedAt }),
      tookMs: rows?.tookMs ?? 0,
      isMoving: isUnfinished || isOther || !rows?.settled,
    });
  }
}

function nameOf(rotation: Rotation | undefined): string {
  return rotation ? `${String(rotation.epoch)} ${rotation.state}` : '';
}

/** Property by property: what a later version adds to the record is not shown by itself. */
function rotationOf({ rotation }: ProductRecords): Rotation | undefined {
  if (!rotation) return undefined;
  const { epoch, state, keyProvider, mekName, mekVersion, fenceTtlMs, startedAt } = rotation;
  const { fencedAt, completedAt, restored, history } = rotation;
  const earlier = history.findLast((entry) => entry.mekVersion !== mekVersion);
  return {
    epoch,
    state,
    keyProvider,
    mekName,
    mekVersion,
    fenceTtlMs: Math.max(fenceTtlMs, rotation.drainTtlMs ?? 0),
    startedAt,
    ...(fencedAt !== undefined && { fencedAt }),
    ...(completedAt !== undefined && { completedAt }),
    restored,
    ...(earlier && { earlierVersion: earlier.mekVersion }),
  };
}

function rowsOf(census: Census, counted: Pick<Rows, 'number' | 'tookMs'>): Rows {
  const { active, retired, shredded, behind, ahead, unreadable, settled, wraps, rotation } = census;
  return {
    ...counted,
    at: new Date().toISOString(),
    live: active + retired,
    shredded,
    behind,
    ahead,
    unreadable,
    settled,
    isOfRecord: true,
    versions: wraps.slice(0, 16).map((wrap) => ({
      keyProvider: wrap.keyProvider,
      mekName: wrap.mekName,
      mekVersion: wrap.mekVersion,
      live: wrap.active + wrap.retired,
      previousWraps: wrap.previousWraps,
      isTarget:
        wrap.keyProvider === rotation?.keyProvider &&
        wrap.mekName === rotation.mekName &&
        wrap.mekVersion === rotation.mekVersion,
    })),
  };
}

function failureIn({ unreadable }: ProductRecords): string | undefined {
  const own = unreadable.find(({ id }) => id === 'rotation');
  return own && shownCodeOf(own.error);
}
