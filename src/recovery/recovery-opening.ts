/** Opens DEKs from their recovery wraps, and tells which of them are lost. @module */
import { deriveCommitment } from '../crypto/key-schedule.js';
import { DEK_BYTES } from '../dek/dek.js';
import { isLive, type LiveDekRow, type PreviousWrap } from '../format/dek-row.js';
import { commitsTo, unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { primaryWrap } from '../format/rewrapped-row.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import { isSameMek, wrapIn } from '../format/key-wrap.js';
import { dekRowPages } from '../run/scanned-row.js';
import type { DekOpening, OpenedDek } from '../rotation/dek-opening.js';
import type { DekLoss } from '../rotation/rewrap-event.js';
import type { RotationContext } from '../rotation/rotation-context.js';
import { rowIn } from '../run/scanned-row.js';
import type { StoredItem } from '../store/dek-store.js';
import { LostDekError, lostDek, type RecoveryMiss } from './lost-dek.js';
import type { PrivateRecoveryKey } from './private-recovery-key.js';

/** Nothing that may be otherwise at another try: an outage, or a version that is switched off, is no loss. */
const GONE = ['KEY_PROVIDER_NOT_CONFIGURED', 'MEK_VERSION_UNKNOWN', 'TAMPERED'] as const;

const MOST_NAMED = 3;

export interface RecoveryOpeningOptions {
  readonly product: string;
  readonly recoveryKey: PrivateRecoveryKey;
}

export class RecoveryOpening implements DekOpening {
  readonly #options: RecoveryOpeningOptions;

  constructor(options: RecoveryOpeningOptions) {
    this.#options = options;
  }

  /** @throws FieldEncryptionError `RECOVERY_KEY_UNKNOWN` for a key that opens none of the rows to be moved. */
  async requireUseful(context: RotationContext): Promise<void> {
    const { recoveryKey, product } = this.#options;
    const { dekStore, target, signal } = context;
    const others = new Set<string>();
    let toMove = 0;
    for await (const items of dekRowPages(dekStore, { product }, signal)) {
      for (const row of items.flatMap((item) => this.#rowIn(item) ?? [])) {
        const { recoveryWrap } = row;
        if (recoveryWrap?.recoveryKeyId === recoveryKey.id) return;
        if (recoveryWrap && others.size < MOST_NAMED) others.add(recoveryWrap.recoveryKeyId);
        if (!isSameMek(row, target)) toMove += 1;
      }
    }
    if (toMove > 0) throw unknownKey(recoveryKey.id, [...others], product);
  }

  /**
   * The recovery wrap first, which costs no call of a vault that may not be there; the row's own wraps
   * only where it does not do.
   *
   * @throws LostDekError where nothing opens it; what a provider reports where another try may.
   */
  async open(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
    const found = this.#fromRecoveryWrap(row);
    if (typeof found !== 'string') {
      return { bytes: found, from: primaryWrap(row), repaired: false, recovered: true };
    }
    const keyId = this.#options.recoveryKey.id;
    return openWithMek(context, row, (cause) => lostDek(row, found, { keyId, cause }));
  }

  lossOf(item: StoredItem, error: unknown): DekLoss | undefined {
    const row = this.#rowIn(item);
    if (row && !(error instanceof LostDekError)) return undefined;
    const reason = error instanceof LostDekError ? error.reason : 'unreadable-row';
    const scope = row?.scope ?? scopeIn(item.value);
    return { reason, ...(scope && { scope }) };
  }

  #fromRecoveryWrap(row: LiveDekRow): Buffer | RecoveryMiss {
    const { product, recoveryKey } = this.#options;
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

  #rowIn(item: StoredItem): LiveDekRow | undefined {
    try {
      const row = rowIn(item, this.#options.product);
      return isLive(row) ? row : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The primary wrap, then the previous one, which may be under a MEK that is still there. */
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

function unwrapFrom(
  context: RotationContext,
  row: LiveDekRow,
  wrap: PreviousWrap,
): Promise<Uint8Array> {
  return unwrapDekBytes(context, { ...row, ...wrapIn(wrap) }, { signal: context.signal });
}

function unknownKey(
  id: string,
  others: readonly string[],
  product: string,
): FieldEncryptionError<'RECOVERY_KEY_UNKNOWN'> {
  const what =
    others.length === 0
      ? 'rows that are not on the target have none at all'
      : `there are wraps for ${others.join(', ')}: give the private key of one of these`;
  return new FieldEncryptionError(
    'RECOVERY_KEY_UNKNOWN',
    `No DEK row of the product "${product}" has a recovery wrap for the recovery key ${id} that was given, and nothing was written; ${what}`,
  );
}

/** For people, out of a row that is otherwise of no use. */
function scopeIn(value: unknown): readonly string[] | undefined {
  const scope = (value as { readonly scope?: unknown } | null | undefined)?.scope;
  const isScope = Array.isArray(scope) && scope.every((part) => typeof part === 'string');
  return isScope ? scope : undefined;
}
