/** The DEK generations of one document, and how its old ones leave use. @module */
import { timestampOf } from '../async/clock.js';
import { rowOfScope } from '../dek/scope-rows.js';
import type { RowItem } from '../dek/scope-shredder.js';
import { contended, FieldEncryptionError, hasCode } from '../errors/errors.js';
import {
  isLive,
  leftUseAt,
  type ActiveDekRow,
  type DekRow,
  type LiveDekRow,
  type RetiredDekRow,
  type ShreddedDekRow,
} from '../format/dek-row.js';
import { requireNoMac } from '../format/item-shape.js';
import { generationIn, type KeyScope } from '../format/key-scope.js';
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import type { DekStore } from '../store/dek-store.js';
import type { MigrationContext } from './migration-options.js';
import type { OldDeks } from './reencryption-floor.js';

export class DekGenerations {
  readonly #items: readonly RowItem[];
  readonly #byId: ReadonlyMap<string, DekRow>;
  readonly #oldDeks: OldDeks;

  private constructor(items: readonly RowItem[], oldDeks: OldDeks) {
    this.#items = items;
    this.#byId = new Map(items.map(({ row }) => [row.id, row]));
    this.#oldDeks = oldDeks;
  }

  /** The generations as they are in the store now. */
  static async read(
    dekStore: DekStore,
    { scopeId }: KeyScope,
    { oldDeks, signal }: { readonly oldDeks: OldDeks; readonly signal?: AbortSignal | undefined },
  ): Promise<DekGenerations> {
    const items = await dekStore.listScope(scopeId, { signal });
    const rows = items.map(({ value, etag }) => ({ row: rowOfScope(value, scopeId), etag }));
    return new DekGenerations(rows, oldDeks);
  }

  /** Uses the generation alone: with a wrong clock or an edited row, `createdAt` may hold any time. */
  isOld({ generation }: Pick<DekRow, 'generation'>): boolean {
    return generation < this.#oldDeks.generationFloor;
  }

  /** Old DEKs in any state whose rows claim to be created after the re-encryption began. */
  get misdated(): readonly string[] {
    const { startedAt } = this.#oldDeks;
    const rows = this.#items.map(({ row }) => row);
    return rows.filter((row) => this.isOld(row) && row.createdAt > startedAt).map(({ id }) => id);
  }

  /** Whether an envelope under this DEK has to be sealed again; a DEK without a row counts as old. */
  isToReplace(dekId: string): boolean {
    const row = this.#byId.get(dekId);
    return row === undefined || this.isOld(row);
  }

  /** Old rows that still open. */
  get old(): readonly RowItem<LiveDekRow>[] {
    return this.#items.filter(
      (item): item is RowItem<LiveDekRow> => isLive(item.row) && this.isOld(item.row),
    );
  }

  /** The rows among them that still seal. */
  get oldActive(): readonly RowItem<ActiveDekRow>[] {
    return this.old.filter((item): item is RowItem<ActiveDekRow> => item.row.state === 'active');
  }

  /**
   * Returns the dekIds that were retired or shredded by the sent writes, including writes whose answer was
   * lost.
   *
   * @param sent - The time of each sent write, by dekId.
   */
  changedAsSent(sent: ReadonlyMap<string, string>): string[] {
    const rows = this.#items.map(({ row }) => row);
    const isOwn = (row: DekRow): boolean =>
      row.state !== 'active' && leftUseAt(row) === sent.get(row.id);
    return rows.filter(isOwn).map(({ id }) => id);
  }

  isShredded(dekId: string): boolean {
    return this.#byId.get(dekId)?.state === 'shredded';
  }

  /** @throws FieldEncryptionError `DEK_SHREDDED`: deleted data must not come back under another DEK. */
  requireNotShredded(dekId: string): void {
    if (!this.isShredded(dekId)) return;
    throw new FieldEncryptionError(
      'DEK_SHREDDED',
      `DEK ${dekId} was shredded: the data that it sealed is deleted, and is not encrypted again`,
      { dekId },
    );
  }
}

/** A new generation must be above this one, even if the store has lost the rows. */
export function highestGeneration(dekIds: readonly string[]): number {
  return Math.max(0, ...dekIds.map(generationIn));
}

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
  /** Whether it makes them tombstones. @default false */
  readonly shreds?: boolean;
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
    for (const { row } of items) requireNoMac(row, `DEK row ${row.id}`);
    if (change.shreds) {
      await context.audit?.shredding(items.map(({ row }) => row.id).filter((id) => !sent.has(id)));
    }
    for (const { row, etag } of items) {
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
