/** Takes old DEKs out of use: retires them, and finally shreds them. @module */
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { timestampOf } from '../async/clock.js';
import {
  leftUseAt,
  type LiveDekRow,
  type RetiredDekRow,
  type ShreddedDekRow,
} from '../format/dek-row.js';
import type { KeyScope } from '../format/key-scope.js';
import type { RowItem } from '../dek/scope-shredder.js';
import { contended, hasCode } from '../errors/errors.js';
import { requireNoMac } from '../format/item-shape.js';
import type { DekGenerations } from './dek-generations.js';
import type { MigrationContext } from './migration-options.js';

/** Reads the generations of a scope again. */
export type ReadGenerations = (scope: KeyScope) => Promise<DekGenerations>;

/** How old rows leave use. */
export interface OldDekChange<Row extends LiveDekRow> {
  /** In words, for errors. */
  readonly what: string;
  readonly read: ReadGenerations;
  /** Rows that still have to be changed. */
  readonly left: (generations: DekGenerations) => readonly RowItem<Row>[];
  readonly changed: (row: Row, at: string) => RetiredDekRow | ShreddedDekRow;
  /** Called before each write is sent. */
  readonly beforeSend: () => void;
}

interface ChangedDeks {
  /** The dekIds that this call changed, including writes whose answer was lost. */
  readonly changed: readonly string[];
  /** The generations as read after none was left. */
  readonly generations: DekGenerations;
}

/** Whatever a write returned, only a read shows its effect, and that nothing is left. */
export async function changeOldDeks<Row extends LiveDekRow>(
  context: MigrationContext,
  scope: KeyScope,
  change: OldDekChange<Row>,
): Promise<ChangedDeks> {
  const sent = new Map<string, string>();
  let failure: { readonly error: unknown } | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const generations = await change.read(scope);
    const items = change.left(generations);
    if (items.length === 0) return { changed: generations.changedAsSent(sent), generations };
    for (const { row, etag } of items) {
      requireNoMac(row, `DEK row ${row.id}`);
      const changed = change.changed(row, timestampOf(context.clock));
      await context.requireLease();
      change.beforeSend();
      sent.set(row.id, leftUseAt(changed));
      failure = await send(context, changed, etag);
    }
    context.services.scopeRows.forget(scope.scopeId);
  }
  if (failure && !hasCode(failure.error, 'ETAG_MISMATCH')) throw failure.error;
  throw contended(`${change.what} the old DEKs of scope ${scope.scopeId}`, MOST_ATTEMPTS);
}

async function send(
  { dekStore, dekCache }: MigrationContext,
  row: RetiredDekRow | ShreddedDekRow,
  etag: string,
): Promise<{ readonly error: unknown } | undefined> {
  try {
    await dekStore.replace(row, etag);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    // Whether or not the answer arrived, this process no longer uses the DEK.
    if (row.state === 'shredded') dekCache?.invalidate(row.id);
  }
}
