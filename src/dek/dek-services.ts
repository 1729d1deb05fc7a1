/** The parts that handle DEKs, put together, and their context. @module */
import type { Clock } from '../async/clock.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { MekReference } from '../format/dek-row.js';
import { type EpochsSeen, GenerationBound } from './dek-bounds.js';
import { RecordReader } from './record-reader.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { type DekStore, originOf } from '../store/dek-store.js';
import { requireStrongMek } from '../store/weak-keys.js';
import type { DekCache } from './dek-cache.js';
import { DekCreator } from './dek-creator.js';
import { DekLoader } from './dek-loader.js';
import type { RecoveryKey } from './dek-wraps.js';
import { LateRows } from './late-rows.js';
import { ScopeRows } from './scope-rows.js';
import { SealingDeks } from './sealing-deks.js';
import { shredTokensOf, type ShredTokens } from './dek.js';

/** The context of everything that handles DEKs. */
export interface DekContext {
  readonly product: string;
  readonly providers: ConfiguredProviders;
  readonly dekStore: Required<DekStore>;
  readonly dekCache: DekCache;
  readonly clock: Clock;
  readonly recoveryKey?: RecoveryKey | undefined;
  /** Records what is shredded. */
  readonly audit?: AuditLog | undefined;
}

export interface DekServices {
  readonly context: DekContext;
  readonly records: RecordReader;
  readonly scopeRows: ScopeRows;
  readonly loader: DekLoader;
  readonly sealing: SealingDeks;
  readonly tokens: ShredTokens;
}

/** @param fenceTtlMs - Used only for a product's first rotation record. */
export function dekServices(
  context: DekContext,
  { fenceTtlMs, epochs }: { readonly fenceTtlMs: number; readonly epochs: EpochsSeen },
): DekServices {
  const { providers, dekStore, dekCache, product } = context;
  dekCache.belongTo(originOf(dekStore), product);
  const firstMek = async (): Promise<MekReference> => {
    const mek = await providers.currentMek();
    requireStrongMek(providers, mek, 'new product');
    return mek;
  };
  const records = new RecordReader({ ...context, firstMek, fenceTtlMs, epochs });
  const bound = new GenerationBound(records);
  const scopeRows = new ScopeRows(context, { bound, epochs });
  const loader = new DekLoader(context, { bound, epochs, late: new LateRows(context) });
  const tokens = shredTokensOf(dekStore);
  const parts = { context, records, scopeRows, loader, tokens };
  const sealing = new SealingDeks({ ...parts, creator: new DekCreator(parts) });
  return { ...parts, sealing };
}
