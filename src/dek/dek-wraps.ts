/** Wraps a DEK with the MEK, and for the recovery key where there is one. @module */
import { ownProperties } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { KeyWrap, MekReference } from '../format/key-wrap.js';
import type { RecoveryWrap } from '../format/dek-row.js';
import type { RecoveryKey } from './recovery-key.js';

export interface DekWraps {
  readonly wrap: KeyWrap;
  /** Absent without a recovery key: the row then keeps its own. */
  readonly recoveryWrap: RecoveryWrap | undefined;
}

export interface WrapDekRequest {
  readonly dekId: string;
  readonly mek: MekReference;
  /** The recovery wrap of the row: kept, byte for byte, if it is for this recovery key. */
  readonly kept?: RecoveryWrap | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function wrapDek(
  {
    providers,
    recoveryKey,
  }: { readonly providers: ConfiguredProviders; readonly recoveryKey?: RecoveryKey | undefined },
  bytes: Uint8Array,
  request: WrapDekRequest,
): Promise<DekWraps> {
  const { dekId, mek, kept, signal } = ownProperties(request);
  const recoveryWrap = recoveryKey?.wrapFor(kept, bytes);
  return { wrap: await providers.wrap(bytes, mek, { dekId, signal }), recoveryWrap };
}
