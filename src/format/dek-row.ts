/** A DEK as it is stored: docs/format.md, "DEK row". @module */
import { decodeBase64url } from '../crypto/key-schedule.js';
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
  requireMacPair,
  type ItemShape,
  type PropertyTest,
} from './item-shape.js';
import { isPlainObject } from '../guards/guards.js';
import { dekIdOf, isDekId, isScopeId, scopeIdOf, type ScopeKind } from './key-scope.js';

export type WrapAlgorithm = 'A256KW' | 'RSA-OAEP-256';

export const WRAP_ALGORITHMS: readonly WrapAlgorithm[] = ['A256KW', 'RSA-OAEP-256'];

/** One exact version of one MEK. Two wraps are on the same version only if all three properties agree. */
export interface MekReference {
  /** The configured id of a provider, `"env"` or `"akv"` by default. */
  readonly keyProvider: string;
  readonly mekName: string;
  readonly mekVersion: string;
}

/** A wrapped DEK and the exact MEK version that unwraps it. */
export interface KeyWrap extends MekReference {
  /** base64url without padding. */
  readonly wrappedDek: string;
  readonly wrapAlgorithm: WrapAlgorithm;
}

const LONGEST_IN_MESSAGE = 128;
const MEK_VERSION = /^[A-Za-z0-9._-]{1,128}$/;

export function isMekVersion(value: unknown): value is string {
  return typeof value === 'string' && MEK_VERSION.test(value);
}

const WRAPPED_LENGTHS: Readonly<Record<WrapAlgorithm, readonly number[]>> = {
  A256KW: [40],
  'RSA-OAEP-256': [256, 384, 512],
};

/** True for canonical base64url of a length that the algorithm can produce. */
export function isWrappedDek(value: unknown, algorithm: WrapAlgorithm): value is string {
  if (typeof value !== 'string') return false;
  const bytes = decodeBase64url(value);
  return bytes !== undefined && WRAPPED_LENGTHS[algorithm].includes(bytes.length);
}

/** Returns the wrap alone, from a row, a previous wrap or an adapter's answer. */
export function wrapIn(wrap: KeyWrap): KeyWrap {
  const { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion } = wrap;
  return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
}

/** Returns the wrap in a value that may be damaged elsewhere; `undefined` where the wrap itself is not sound. */
export function soundWrapIn(value: unknown): KeyWrap | undefined {
  if (!isPlainObject(value)) return undefined;
  const wrap = wrapIn(value as unknown as KeyWrap);
  const isSound = Object.entries(WRAP).every(([name, test]) => test(wrap[name as keyof KeyWrap]));
  return isSound && isWrappedDek(wrap.wrappedDek, wrap.wrapAlgorithm) ? wrap : undefined;
}

/** Returns the MEK version alone, from a wrap or a rotation record. */
export function mekIn({ keyProvider, mekName, mekVersion }: MekReference): MekReference {
  return { keyProvider, mekName, mekVersion };
}

export function isSameMek(one: MekReference, other: MekReference): boolean {
  return (
    one.mekVersion === other.mekVersion &&
    one.mekName === other.mekName &&
    one.keyProvider === other.keyProvider
  );
}

/** For messages: provider, MEK name and version. */
export function describeMek({ keyProvider, mekName, mekVersion }: MekReference): string {
  return [keyProvider, mekName, mekVersion].map(shortName).join('/');
}

/** Shortens a name for messages: a stored name may be of any length. */
export function shortName(name: string): string {
  return name.length > LONGEST_IN_MESSAGE ? `${name.slice(0, LONGEST_IN_MESSAGE)}…` : name;
}

export interface DekRowHead {
  /** The dekId. */
  readonly id: string;
  readonly scopeId: string;
  readonly scopeKind: ScopeKind;
  /** The scope's parts, for people and for the search for orphans. */
  readonly scope: readonly string[];
  readonly type: 'dek';
  readonly schema: 1;
  readonly product: string;
  readonly generation: number;
  /** Epoch of the rotation that last wrote the row. */
  readonly epoch: number;
  readonly createdAt: string;
  readonly macKeyId?: string;
  readonly mac?: string;
}

/** The wrap that the DEK was last unwrapped from, or that a rollback displaced; kept until it is pruned. */
export interface PreviousWrap extends KeyWrap {
  readonly epoch: number;
}

/** The DEK wrapped for an offline recovery key. */
export interface RecoveryWrap {
  readonly wrappedDek: string;
  readonly wrapAlgorithm: 'RSA-OAEP-256';
  readonly recoveryKeyId: string;
}

/** A DEK that can be used. */
interface WrappedDekRow extends DekRowHead, KeyWrap {
  /** Proves after every unwrap that this is the right DEK. */
  readonly commitment: string;
  readonly rewrappedAt?: string;
  readonly previousWrap?: PreviousWrap;
  readonly recoveryWrap?: RecoveryWrap;
}

/** The DEK seals and opens. */
export interface ActiveDekRow extends WrappedDekRow {
  readonly state: 'active';
}

/** The DEK opens, and never seals. */
export interface RetiredDekRow extends WrappedDekRow {
  readonly state: 'retired';
  readonly retiredAt: string;
}

export type LiveDekRow = ActiveDekRow | RetiredDekRow;

/** A tombstone: the DEK is permanently deleted, and its id is never used again. */
export interface ShreddedDekRow extends DekRowHead {
  readonly state: 'shredded';
  readonly shreddedAt: string;
}

export type DekRow = LiveDekRow | ShreddedDekRow;

/** Stands for the id of a row whose own id is not valid. */
export const NO_DEK_ID = '(without a valid id)';

export const isScopeKind: PropertyTest = isOneOf('document', 'shared');

export const isScope: PropertyTest = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isIdentifier);

const HEAD: ItemShape = {
  id: isDekId,
  scopeId: isScopeId,
  scopeKind: isScopeKind,
  scope: isScope,
  type: is('dek'),
  schema: is(1),
  product: isIdentifier,
  generation: isPositiveInteger,
  epoch: isPositiveInteger,
  createdAt: isTimestamp,
  'macKeyId?': isKeyId,
  'mac?': isDigest,
};

const WRAP: ItemShape = {
  wrappedDek: (value) => typeof value === 'string',
  wrapAlgorithm: isOneOf(...WRAP_ALGORITHMS),
  keyProvider: isIdentifier,
  mekName: isIdentifier,
  mekVersion: isMekVersion,
};

const RECOVERY_WRAP: ItemShape = {
  wrappedDek: (value) => isWrappedDek(value, 'RSA-OAEP-256'),
  wrapAlgorithm: is('RSA-OAEP-256'),
  recoveryKeyId: isKeyId,
};

const LIVE: ItemShape = {
  ...HEAD,
  ...WRAP,
  commitment: isDigest,
  'rewrappedAt?': isTimestamp,
  'previousWrap?': isShaped(
    { ...WRAP, epoch: isPositiveInteger },
    'The previous wrap of a DEK row',
  ),
  'recoveryWrap?': isShaped(RECOVERY_WRAP, 'The recovery wrap of a DEK row'),
};

const STATES = ['active', 'retired', 'shredded'] as const;

const SHAPES: Readonly<Record<DekRow['state'], ItemShape>> = {
  active: { ...LIVE, state: is('active') },
  retired: { ...LIVE, state: is('retired'), retiredAt: isTimestamp },
  shredded: { ...HEAD, state: is('shredded'), shreddedAt: isTimestamp },
};

/**
 * Returns the row when this version understands it and it is consistent.
 *
 * @param dekId - The requested id: a row copied under another id is refused.
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for an unknown type, schema, state or property;
 *   TamperedError for a row that this library cannot have written.
 */
export function parseDekRow(value: unknown, dekId?: string): DekRow {
  const item = `DEK row ${dekId ?? dekIdIn(value) ?? NO_DEK_ID}`;
  const state = knownState(value, item, { type: 'dek', states: STATES });
  const row = readShaped(value, SHAPES[state], item) as unknown as DekRow;
  requireConsistent(row, item, dekId);
  return row;
}

export function isLive(row: DekRow): row is LiveDekRow {
  return row.state !== 'shredded';
}

function requireConsistent(row: DekRow, item: string, dekId: string | undefined): void {
  if (dekId !== undefined && row.id !== dekId) throw alteredItem(item, 'id');
  if (row.id !== dekIdOf(row.scopeId, row.generation)) throw alteredItem(item, 'generation');
  if (row.scopeId !== scopeIdOf(row.scopeKind, row.product, row.scope)) {
    throw alteredItem(item, 'scope');
  }
  requireMacPair(row, item);
  if (!isLive(row)) return;
  if (!isWrappedDek(row.wrappedDek, row.wrapAlgorithm)) throw alteredItem(item, 'wrappedDek');
  const { previousWrap } = row;
  if (previousWrap && !isWrappedDek(previousWrap.wrappedDek, previousWrap.wrapAlgorithm)) {
    throw alteredItem(item, 'previousWrap');
  }
}

/** Returns the id of a stored value, if a DEK can have such an id. */
export function dekIdIn(value: unknown): string | undefined {
  const id = (value as { readonly id?: unknown } | null | undefined)?.id;
  return isDekId(id) ? id : undefined;
}

/** Returns the tombstone of a row: what remains of it, and the time. */
export function tombstoneOf(row: DekRowHead, shreddedAt: string): ShreddedDekRow {
  const { id, scopeId, scopeKind, scope, type, schema, product, generation, epoch, createdAt } =
    row;
  const head = { id, scopeId, scopeKind, scope, type, schema, product, generation };
  return { ...head, state: 'shredded', epoch, createdAt, shreddedAt };
}

/** When a row was retired or shredded. */
export function leftUseAt(row: RetiredDekRow | ShreddedDekRow): string {
  return row.state === 'retired' ? row.retiredAt : row.shreddedAt;
}

/** Returns an active row as retired: it still opens, and seals no more; its epoch does not change. */
export function retiredRow(row: ActiveDekRow, retiredAt: string): RetiredDekRow {
  return { ...row, state: 'retired', retiredAt };
}

/**
 * A row that its own writer retires, because it was created too late to be used. Other writers may have seen
 * it active for a moment, and cannot tell when that ended.
 */
export function neverUsedRow(row: ActiveDekRow): RetiredDekRow {
  return retiredRow(row, row.createdAt);
}

/** Whether a row may be one of {@link neverUsedRow}: retired at an unknown time. */
export function isNeverUsed(row: LiveDekRow): boolean {
  return row.state === 'retired' && row.retiredAt === row.createdAt;
}

interface Rewrap {
  readonly wrap: KeyWrap;
  readonly epoch: number;
  /** The wrap that the DEK was opened from; without it, the row keeps the previous wrap that it has. */
  readonly previousWrap: PreviousWrap | undefined;
  /** The wrap for the recovery key; without it, the row keeps the one that it has. */
  readonly recoveryWrap: RecoveryWrap | undefined;
  readonly rewrappedAt: string;
}

interface Flip extends Pick<Rewrap, 'epoch' | 'rewrappedAt'> {
  /** The previous wrap of the row, which becomes the primary one. */
  readonly previousWrap: PreviousWrap;
}

/** Returns the row with its new wrap; the DEK does not change, and so neither does the commitment. */
export function rewrappedRow<Row extends LiveDekRow>(row: Row, rewrap: Rewrap): Row {
  const { wrap, epoch, previousWrap, recoveryWrap, rewrappedAt } = rewrap;
  return {
    ...row,
    ...wrap,
    epoch,
    rewrappedAt,
    ...(previousWrap && { previousWrap }),
    ...(recoveryWrap && { recoveryWrap }),
  };
}

/** Returns the row with its primary and previous wrap exchanged. */
export function flippedRow<Row extends LiveDekRow>(
  row: Row,
  { previousWrap, epoch, rewrappedAt }: Flip,
): Row {
  return { ...row, ...wrapIn(previousWrap), epoch, rewrappedAt, previousWrap: primaryWrap(row) };
}

/** Returns the row's present wrap, as it is kept after a rewrap. */
export function primaryWrap(row: LiveDekRow): PreviousWrap {
  return { ...wrapIn(row), epoch: row.epoch };
}
