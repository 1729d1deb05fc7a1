/** Decides whether nothing can open the DEK of a stored row any more. @module */
import { deriveCommitment } from '../crypto/key-schedule.js';
import { commitsTo } from '../dek/dek-wraps.js';
import { DEK_BYTES } from '../dek/dek.js';
import { FieldEncryptionError, hasCode, isFieldEncryptionError } from '../errors/errors.js';
import {
  type DekRow,
  describeMek,
  isLive,
  isSameMek,
  type KeyWrap,
  type LiveDekRow,
  type MekReference,
  parseDekRow,
  type RecoveryWrap,
  shortName,
  soundWrapIn,
} from '../format/dek-row.js';
import { isKeyId, requireNoMac } from '../format/item-shape.js';
import type { KeyScope } from '../format/key-scope.js';
import { freshRecord } from '../run/rotation-record.js';
import type { RunContext } from '../run/run-context.js';
import { recordAuthenticationOf, requireAuthentic } from '../store/authenticate-records.js';
import type { DekStore } from '../store/dek-store.js';
import type { PrivateRecoveryKey } from './private-recovery-key.js';
import type { StoredRow } from './stored-row.js';

/**
 * `'altered'`: not a row that this library can have written. `'false-mac'`: changed, by its mac under a known
 * record key. `'commitment-mismatch'`: its MEK answered, and the wrap does not hold the DEK. `'lost-mek'`: its
 * MEK is the one that the caller names as destroyed.
 */
export type DekDamage = 'altered' | 'commitment-mismatch' | 'false-mac' | 'lost-mek';

export interface ExaminedRow {
  readonly damage: DekDamage;
  /** Whether the primary wrap still opens; absent where that is unknown. */
  readonly wrapOpens?: boolean;
}

export interface DamageExam {
  readonly context: RunContext;
  /** The caller's own. */
  readonly dekStore: DekStore;
  readonly dekId: string;
  /** A MEK version that the caller names as destroyed. */
  readonly lostMek: MekReference | undefined;
  readonly recoveryKey: PrivateRecoveryKey | undefined;
  /** The scope of the DEK, where the caller passes it. */
  readonly scope: KeyScope | undefined;
}

type WrapState = 'broken' | 'lost' | 'opens';

/** @throws FieldEncryptionError `ABANDON_REFUSED` unless the DEK is lost for good. */
export async function examineRow(exam: DamageExam, stored: StoredRow): Promise<ExaminedRow> {
  const { row, damage } = verdictOn(exam, stored);
  if (row) {
    const state = await stateOf(exam, stored, row);
    if (state === 'opens') throw refused(exam, nothingLost(exam, stored));
    await requireNoOtherWrap(exam, stored, REPAIRED_FROM_PREVIOUS);
    await requireNotAhead(exam, row);
    return { damage: state === 'lost' ? 'lost-mek' : 'commitment-mismatch' };
  }
  await requireNoOtherWrap(exam, stored, BY_HAND[damage]);
  const wrapOpens = await stillOpens(exam, stored);
  return { damage, ...(wrapOpens !== undefined && { wrapOpens }) };
}

type Verdict =
  | { readonly row: LiveDekRow; readonly damage?: never }
  | { readonly row?: never; readonly damage: 'altered' | 'false-mac' };

/** By the content of the row alone; the row where only its MEK can tell. */
function verdictOn(exam: DamageExam, stored: StoredRow): Verdict {
  const { dekStore, dekId } = exam;
  const row = readableRow(exam, stored.item.value);
  requireOwnProduct(exam, stored);
  if (!row) return { damage: 'altered' };
  if (hasFalseMac(exam, stored)) return { damage: 'false-mac' };
  if (recordAuthenticationOf(dekStore) === 'off') requireNoMac(row, `DEK row ${dekId}`);
  if (isLive(row)) return { row };
  throw refused(exam, `it was shredded at ${row.shreddedAt}, and has a tombstone already`);
}

/** `undefined` for a row that no version can have written. */
function readableRow(exam: DamageExam, value: unknown): DekRow | undefined {
  try {
    return parseDekRow(value, exam.dekId);
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return undefined;
    throw refused(exam, 'its row was written by a later version: upgrade', error);
  }
}

/** The id alone does not tell whose row it is, unless its scope is known. */
function requireOwnProduct(exam: DamageExam, stored: StoredRow): void {
  const { context, dekId, scope } = exam;
  const product = stored.property('product');
  if (typeof product !== 'string' || product === context.product) return;
  if (scope ?? stored.scopeOf(dekId, context.product)) return;
  throw refused(
    exam,
    `its row names the product "${shortName(product)}": pass that product, or "definition" and "key"`,
  );
}

/** A missing mac proves nothing: the row may be from before there was a record key. */
function hasFalseMac(exam: DamageExam, stored: StoredRow): boolean {
  try {
    requireAuthentic(exam.dekStore, stored.item, exam.dekId);
    return false;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return stored.property('mac') !== undefined;
    throw refused(
      exam,
      'its mac is under a record key that is not configured: add that key to "previousRecordKeys"',
      error,
    );
  }
}

const REPAIRED_FROM_PREVIOUS =
  'a rotation to another version, or rollbackRotation, repairs the row';

/** A row that cannot be read is repaired by no run. */
const BY_HAND = {
  altered: 'restore the row from a backup, or correct its altered properties by hand',
  'false-mac':
    'restore the row from a backup; where none has it, remove "mac" and "macKeyId" from it, and run rollbackRotation with "insecureAcceptUnauthenticatedRecords"',
} as const;

/** @param repair - What brings the row back where its previous wrap opens. */
async function requireNoOtherWrap(
  exam: DamageExam,
  stored: StoredRow,
  repair: string,
): Promise<void> {
  const previous = soundWrapIn(stored.property('previousWrap'));
  if (previous && (await stateOf(exam, stored, previous)) === 'opens') {
    throw refused(exam, `its previous wrap opens: ${repair}`);
  }
  requireNoRecoveryWrap(exam, stored);
}

function requireNoRecoveryWrap(exam: DamageExam, stored: StoredRow): void {
  const { recoveryKey } = exam;
  const wrap = stored.property('recoveryWrap');
  if (wrap === undefined) return;
  const { recoveryKeyId, wrappedDek } = (wrap ?? {}) as Partial<
    Record<keyof RecoveryWrap, unknown>
  >;
  const id = isKeyId(recoveryKeyId) ? (recoveryKeyId as string) : undefined;
  if (!recoveryKey || (id !== undefined && id !== recoveryKey.id)) {
    const which = id === undefined ? '' : ` for the recovery key ${id}`;
    throw refused(exam, `its row has a recovery wrap${which}: pass that key as "privateKey"`);
  }
  if (typeof wrappedDek !== 'string') return;
  const bytes = recoveryKey.unwrap({ wrappedDek } as RecoveryWrap);
  if (bytes && holdsDek(exam, stored, bytes)) {
    throw refused(exam, 'its recovery wrap opens: recover it with recoverDeks');
  }
}

/** A tombstone has the epoch of the record: a sound row above it shows that the record is an older one. */
async function requireNotAhead(exam: DamageExam, row: LiveDekRow): Promise<void> {
  const { records } = exam.context;
  const { record } = await freshRecord(exam.context);
  if (row.epoch <= record.epoch) return;
  const later = await records.readForRow(row);
  if (later && row.epoch <= later.record.epoch) return;
  throw refused(
    exam,
    'its row is above the epoch of the rotation record: restore the newest item "rotation" first',
  );
}

/** For the caller, who may then repair the row by hand. */
async function stillOpens(exam: DamageExam, stored: StoredRow): Promise<boolean | undefined> {
  const wrap = soundWrapIn(stored.value);
  if (!wrap) return false;
  try {
    return (await stateOf(exam, stored, wrap)) === 'opens';
  } catch (error) {
    if (!hasCode(error, 'ABANDON_REFUSED')) throw error;
    return undefined;
  }
}

/** Only what a destroyed MEK causes: a disabled version, and one that cannot be reached, still exist. */
const GONE = ['KEY_PROVIDER_NOT_CONFIGURED', 'MEK_VERSION_UNKNOWN'] as const;

async function stateOf(exam: DamageExam, stored: StoredRow, wrap: KeyWrap): Promise<WrapState> {
  const { context, dekId, lostMek } = exam;
  const { providers, signal } = context;
  signal?.throwIfAborted();
  try {
    const bytes = await providers.unwrap(wrap, { dekId, signal });
    return holdsDek(exam, stored, bytes) ? 'opens' : 'broken';
  } catch (error) {
    signal?.throwIfAborted();
    if (hasCode(error, 'WRAP_REJECTED')) return 'broken';
    if (lostMek && isSameMek(wrap, lostMek) && hasCode(error, ...GONE)) return 'lost';
    throw noAnswer(exam, wrap, error);
  }
}

/** Zeroes the bytes. Without a commitment to compare, any DEK counts: it may be the right one. */
function holdsDek(
  { context: { product }, dekId }: DamageExam,
  { commitment }: StoredRow,
  bytes: Uint8Array,
): boolean {
  const isDek = bytes.length === DEK_BYTES;
  const derived = isDek && commitment !== undefined && deriveCommitment(bytes, product, dekId);
  bytes.fill(0);
  if (commitment === undefined || derived === false) return isDek;
  return commitsTo({ commitment }, derived);
}

function nothingLost({ dekStore }: DamageExam, stored: StoredRow): string {
  const lacksMac =
    recordAuthenticationOf(dekStore) !== 'off' && stored.property('mac') === undefined;
  return lacksMac
    ? 'its row has no mac, and opens: run resealRecords where record authentication was turned on recently'
    : 'its row opens, so nothing is lost';
}

function noAnswer(exam: DamageExam, mek: MekReference, cause: unknown): FieldEncryptionError {
  const code = isFieldEncryptionError(cause) ? cause.code : 'an unknown failure';
  return refused(
    exam,
    `the MEK ${describeMek(mek)} did not answer (${code}): make it available; only if it was destroyed for good, leave it out and name it as "lostMek"`,
    cause,
  );
}

/** @param why - The reason, and the step that cures it. */
export function refused(
  { dekId }: Pick<DamageExam, 'dekId'>,
  why: string,
  cause?: unknown,
): FieldEncryptionError<'ABANDON_REFUSED'> {
  const retryable = isFieldEncryptionError(cause) && cause.retryable;
  return new FieldEncryptionError(
    'ABANDON_REFUSED',
    `DEK ${dekId} was not abandoned, and nothing was written: ${why}`,
    { dekId, retryable, ...(cause !== undefined && { cause }) },
  );
}
