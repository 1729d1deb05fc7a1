/** Opens DEKs from their recovery wraps, and decides which of them are lost. @module */
import { deriveCommitment } from '../crypto/key-schedule.js';
import { commitsTo } from '../dek/dek-wraps.js';
import { DEK_BYTES } from '../dek/dek.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import { isLive, type LiveDekRow, primaryWrap, isSameMek } from '../format/dek-row.js';
import type { DekLoss, DekLossReason } from '../rotation/rewrap-event.js';
import type { RotationContext } from '../rotation/rewrap-all-deks.js';
import { type DekOpening, type OpenedDek, unwrapFrom } from '../rotation/row-rewrapper.js';
import { dekRowPages, rowIn } from '../run/change-row.js';
import type { StoredItem } from '../store/dek-store.js';
import type { PrivateRecoveryKey } from './private-recovery-key.js';

/** Only failures that no retry changes: an outage, or a disabled version, is no loss. */
const GONE = ['KEY_PROVIDER_NOT_CONFIGURED', 'MEK_VERSION_UNKNOWN', 'TAMPERED'] as const;

const MOST_NAMED = 3;

export class RecoveryOpening implements DekOpening {
  readonly #recoveryKey: PrivateRecoveryKey;

  constructor(recoveryKey: PrivateRecoveryKey) {
    this.#recoveryKey = recoveryKey;
  }

  /** @throws FieldEncryptionError `RECOVERY_KEY_UNKNOWN` for a key that opens none of the rows to move. */
  async requireUseful(context: RotationContext): Promise<void> {
    const { product, dekStore, target, signal } = context;
    const { id } = this.#recoveryKey;
    const others = new Set<string>();
    let toMove = 0;
    for await (const items of dekRowPages(dekStore, { product }, signal)) {
      for (const row of items.flatMap((item) => liveRowIn(item, product) ?? [])) {
        const { recoveryWrap } = row;
        if (recoveryWrap?.recoveryKeyId === id) return;
        if (recoveryWrap && others.size < MOST_NAMED) others.add(recoveryWrap.recoveryKeyId);
        if (!isSameMek(row, target)) toMove += 1;
      }
    }
    if (toMove > 0) throw unknownKey(id, [...others], product);
  }

  /**
   * Tries the recovery wrap first, which needs no vault; then the row's own wraps.
   *
   * @throws LostDekError where nothing opens the DEK; the provider's failure where a retry may succeed.
   */
  async open(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
    const found = this.#fromRecoveryWrap(row, context.product);
    if (typeof found !== 'string') {
      return { bytes: found, from: primaryWrap(row), repaired: false, recovered: true };
    }
    const keyId = this.#recoveryKey.id;
    return openWithMek(context, row, (cause) => new LostDekError(row, found, { keyId, cause }));
  }

  lossOf({ product }: RotationContext, item: StoredItem, error: unknown): DekLoss | undefined {
    const row = liveRowIn(item, product);
    if (row && !(error instanceof LostDekError)) return undefined;
    const reason = error instanceof LostDekError ? error.reason : 'unreadable-row';
    const scope = row?.scope ?? scopeIn(item.value);
    return { reason, ...(scope && { scope }) };
  }

  #fromRecoveryWrap(row: LiveDekRow, product: string): Buffer | RecoveryMiss {
    const recoveryKey = this.#recoveryKey;
    const { recoveryWrap } = row;
    if (!recoveryWrap) return 'no-recovery-wrap';
    if (recoveryWrap.recoveryKeyId !== recoveryKey.id) return 'other-recovery-key';
    const bytes = recoveryKey.unwrap(recoveryWrap);
    if (!bytes) return 'broken-recovery-wrap';
    const isDek = bytes.length === DEK_BYTES;
    if (isDek && commitsTo(row, deriveCommitment(bytes, product, row.id))) return bytes;
    bytes.fill(0);
    return 'commitment-mismatch';
  }
}

/** `undefined` for a tombstone, and for a row that cannot be read. */
function liveRowIn(item: StoredItem, product: string): LiveDekRow | undefined {
  try {
    const row = rowIn(item, product);
    return isLive(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

/** Tries the primary wrap, then the previous one, whose MEK may still exist. */
async function openWithMek(
  context: RotationContext,
  row: LiveDekRow,
  lost: (cause: unknown) => LostDekError,
): Promise<OpenedDek> {
  const wraps = [primaryWrap(row), ...(row.previousWrap ? [row.previousWrap] : [])];
  let cause: unknown;
  for (const [index, from] of wraps.entries()) {
    try {
      return { bytes: await unwrapFrom(context, row, from), from, repaired: index > 0 };
    } catch (error) {
      if (!hasCode(error, ...GONE)) throw error;
      cause ??= error;
    }
  }
  throw lost(cause);
}

function unknownKey(
  id: string,
  others: readonly string[],
  product: string,
): FieldEncryptionError<'RECOVERY_KEY_UNKNOWN'> {
  const what =
    others.length === 0
      ? 'rows that are not on the target have no recovery wrap'
      : `the recovery wraps are for ${others.join(', ')}: pass the private key of one of these`;
  return new FieldEncryptionError(
    'RECOVERY_KEY_UNKNOWN',
    `No DEK row of the product "${product}" has a recovery wrap for the recovery key ${id} that was passed, and nothing was written; ${what}`,
  );
}

/** The scope for people, from a row that is otherwise unusable. */
function scopeIn(value: unknown): readonly string[] | undefined {
  const scope = (value as { readonly scope?: unknown } | null | undefined)?.scope;
  const isScope = Array.isArray(scope) && scope.every((part) => typeof part === 'string');
  return isScope ? scope : undefined;
}

type RecoveryMiss = Exclude<DekLossReason, 'unreadable-row'>;

class LostDekError extends FieldEncryptionError<'DEK_UNRECOVERABLE'> {
  readonly reason: RecoveryMiss;

  /**
   * @param keyId - The id of the passed private key.
   * @param cause - Why the row's own wrap does not open either.
   */
  constructor(
    row: LiveDekRow,
    reason: RecoveryMiss,
    { keyId, cause }: { readonly keyId: string; readonly cause: unknown },
  ) {
    const message = `DEK ${row.id} cannot be recovered: ${describe(row, reason, keyId)}`;
    super('DEK_UNRECOVERABLE', message, { dekId: row.id, cause });
    this.reason = reason;
  }
}

function describe({ recoveryWrap }: LiveDekRow, reason: RecoveryMiss, keyId: string): string {
  switch (reason) {
    case 'no-recovery-wrap':
      return 'its row has no recovery wrap; restore a backup of the row that has one, or restore its MEK';
    case 'other-recovery-key':
      return `its recovery wrap is for the recovery key ${String(recoveryWrap?.recoveryKeyId)}, not for ${keyId}; run again with that private key`;
    case 'broken-recovery-wrap':
      return 'its recovery wrap was changed, and does not open; restore the row from a backup';
    case 'commitment-mismatch':
      return 'its recovery wrap holds a DEK that does not match the commitment of the row; restore the row from a backup';
  }
}
