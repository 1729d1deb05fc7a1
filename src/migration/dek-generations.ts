/** The DEK generations of one document, as a re-encryption distinguishes old from new. @module */
import {
  isLive,
  leftUseAt,
  type ActiveDekRow,
  type DekRow,
  type LiveDekRow,
} from '../format/dek-row.js';
import { generationIn, type KeyScope } from '../format/key-scope.js';
import { rowOfScope } from '../dek/scope-rows.js';
import type { RowItem } from '../dek/scope-shredder.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { DekStore } from '../store/dek-store.js';
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

  /** @throws FieldEncryptionError `DEK_SHREDDED`: deleted data must not come back under another DEK. */
  requireNotShredded(dekId: string): void {
    if (this.#byId.get(dekId)?.state !== 'shredded') return;
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
