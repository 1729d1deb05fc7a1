/** The record of which MEK version wraps new DEKs: docs/format.md, "Rotation record". @module */
import {
  alteredItem,
  is,
  isDigest,
  isIdentifier,
  isKeyId,
  isOneOf,
  isPositiveInteger,
  isShaped,
  isTimestamp,
  knownState,
  readShaped,
  requireInPlace,
  requireMacPair,
  type ItemShape,
  type PropertyTest,
} from './item-shape.js';
import { isMekVersion, type MekReference } from './dek-row.js';

export interface RotationHistoryEntry extends MekReference {
  readonly epoch: number;
  readonly startedAt: string;
  readonly completedAt?: string;
}

export type RotationState = 'complete' | 'fencing' | 'rewrapping';

export interface RotationRecord extends MekReference {
  readonly id: 'rotation';
  /** `"rotation:"` and the product. */
  readonly scopeId: string;
  readonly type: 'rotation';
  readonly schema: 1;
  readonly product: string;
  /** Orders MEK versions, whose own ids have no order. */
  readonly epoch: number;
  readonly state: RotationState;
  /** How long a writer may act on a cached copy of this record or of a row. */
  readonly fenceTtlMs: number;
  /** An earlier, longer `fenceTtlMs` that some process may still use. */
  readonly drainTtlMs?: number;
  /** New generations are never below this one. */
  readonly generationFloor: number;
  readonly startedAt: string;
  readonly fencedAt?: string;
  readonly completedAt?: string;
  /** The newest 64 rotations before this one, oldest first. */
  readonly history: readonly RotationHistoryEntry[];
  readonly macKeyId?: string;
  readonly mac?: string;
}

export const LEAST_FENCE_TTL_MS = 1_000;
export const MOST_FENCE_TTL_MS = 600_000;
export const DEFAULT_FENCE_TTL_MS = 30_000;
export const ROTATION_ID = 'rotation';
export const MOST_HISTORY = 64;

export function rotationScopeId(product: string): string {
  return `rotation:${product}`;
}

const isFenceTtl: PropertyTest = (value) =>
  isPositiveInteger(value) &&
  (value as number) >= LEAST_FENCE_TTL_MS &&
  (value as number) <= MOST_FENCE_TTL_MS;

const TARGET: ItemShape = {
  epoch: isPositiveInteger,
  keyProvider: isIdentifier,
  mekName: isIdentifier,
  mekVersion: isMekVersion,
};

const HISTORY_ENTRY: ItemShape = {
  ...TARGET,
  startedAt: isTimestamp,
  'completedAt?': isTimestamp,
};

const isHistoryEntry = isShaped(HISTORY_ENTRY, 'An entry in the history of a rotation record');

const isHistory: PropertyTest = (value) =>
  Array.isArray(value) && value.length <= MOST_HISTORY && value.every(isHistoryEntry);

const STATES = ['complete', 'fencing', 'rewrapping'] as const;

const SHAPE: ItemShape = {
  ...TARGET,
  id: is(ROTATION_ID),
  scopeId: isIdentifier,
  type: is('rotation'),
  schema: is(1),
  product: isIdentifier,
  state: isOneOf(...STATES),
  fenceTtlMs: isFenceTtl,
  'drainTtlMs?': isFenceTtl,
  generationFloor: isPositiveInteger,
  startedAt: isTimestamp,
  'fencedAt?': isTimestamp,
  'completedAt?': isTimestamp,
  history: isHistory,
  'macKeyId?': isKeyId,
  'mac?': isDigest,
};

/**
 * Returns the record when this version understands it.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for an unknown type, schema, state or property;
 *   TamperedError for a record that this library cannot have written.
 */
export function parseRotationRecord(value: unknown, product: string): RotationRecord {
  const item = `The rotation record of "${product}"`;
  knownState(value, item, { type: 'rotation', states: STATES });
  const record = readShaped(value, SHAPE, item) as unknown as RotationRecord;
  requireInPlace(record, item, { product, scopeId: rotationScopeId(product) });
  requireMacPair(record, item);
  return record;
}

/** The record that a product's first DEK creates: there is nothing to rotate yet. */
export function firstRotationRecord(
  product: string,
  mek: MekReference,
  fenceTtlMs: number,
  now: string,
): RotationRecord {
  return {
    id: ROTATION_ID,
    scopeId: rotationScopeId(product),
    type: 'rotation',
    schema: 1,
    product,
    epoch: 1,
    ...mek,
    state: 'complete',
    fenceTtlMs,
    generationFloor: 1,
    startedAt: now,
    completedAt: now,
    history: [],
  };
}

/**
 * Begins a rotation: the next epoch, with the previous rotation in the history.
 *
 * @throws TamperedError where no epoch is left, which no real product reaches.
 */
export function begunRecord(
  record: RotationRecord,
  { keyProvider, mekName, mekVersion }: MekReference,
  now: string,
): RotationRecord {
  if (record.epoch === Number.MAX_SAFE_INTEGER) throw alteredItem('The rotation record', 'epoch');
  const { id, scopeId, type, schema, product, fenceTtlMs, drainTtlMs, generationFloor } = record;
  return {
    id,
    scopeId,
    type,
    schema,
    product,
    epoch: record.epoch + 1,
    keyProvider,
    mekName,
    mekVersion,
    state: 'fencing',
    fenceTtlMs,
    ...(drainTtlMs !== undefined && { drainTtlMs }),
    generationFloor,
    startedAt: now,
    history: [...record.history, historyEntry(record)].slice(-MOST_HISTORY),
  };
}

interface Adoption extends Pick<RotationRecord, 'epoch' | 'fenceTtlMs' | 'generationFloor'> {
  readonly product: string;
  readonly target: MekReference;
  readonly now: string;
}

/** The record of a restored store: a rotation that no row has followed yet. */
export function adoptedRecord(
  record: RotationRecord | undefined,
  { product, target, epoch, fenceTtlMs, generationFloor, now }: Adoption,
): RotationRecord {
  const base = record ?? firstRotationRecord(product, target, fenceTtlMs, now);
  const history = record ? begunRecord(record, target, now).history : [];
  return { ...begunRecord(base, target, now), epoch, generationFloor, history };
}

/** No writer acts any longer on the record from before this rotation. */
export function fencedRecord(record: RotationRecord, now: string): RotationRecord {
  return { ...record, state: 'rewrapping', fencedAt: now };
}

/** Every live row is on the target and at the record's epoch. */
export function completedRecord(record: RotationRecord, now: string): RotationRecord {
  return { ...record, state: 'complete', completedAt: now };
}

/** Sets the fence, and keeps a longer one until it was waited out. */
export function withFenceTtl(record: RotationRecord, fenceTtlMs: number): RotationRecord {
  const longest = Math.max(record.fenceTtlMs, record.drainTtlMs ?? 0);
  const drained = withoutDrain(record);
  return { ...drained, fenceTtlMs, ...(longest > fenceTtlMs && { drainTtlMs: longest }) };
}

/** No process acts any longer by an earlier, longer fence. */
export function withoutDrain(record: RotationRecord): RotationRecord {
  const drained = { ...record } as {
    -readonly [Name in keyof RotationRecord]: RotationRecord[Name];
  };
  delete drained.drainTtlMs;
  return drained;
}

/** A copy for the history. */
export function historyEntry(record: RotationHistoryEntry): RotationHistoryEntry {
  const { epoch, keyProvider, mekName, mekVersion, startedAt, completedAt } = record;
  const entry = { epoch, keyProvider, mekName, mekVersion, startedAt };
  return completedAt === undefined ? entry : { ...entry, completedAt };
}
