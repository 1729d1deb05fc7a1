/** The DEK generations of one document, as a re-encryption tells old from new. @module */
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

  /** As they are in the store now. */
  static async read(
    dekStore: DekStore,
    { scopeId }: KeyScope,
    { oldDeks, signal }: { readonly oldDeks: OldDeks; readonly signal?: AbortSignal | undefined },
  ): Promise<DekGenerations> {
    const items = await dekStore.listScope(scopeId, { signal });
    const rows = items.map(({ value, etag }) => ({ row: rowOfScope(value, scopeId), etag }));
    return new DekGenerations(rows, oldDeks);
  }

  /** By its generation alone: a clock that was wrong, or an edited row, has any time in `createdAt`. */
  isOld({ generation }: Pick<DekRow, 'generation'>): boolean {
    return generation < this.#oldDeks.generationFloor;
  }

  /** Old ones, of any state, that say that they were made after the re-encryption began. */
  get misdated(): readonly string[] {
    const { startedAt } = this.#oldDeks;
    const rows = this.#items.map(({ row }) => row);
    return rows.filter((row) => this.isOld(row) && row.createdAt > startedAt).map(({ id }) => id);
  }

  /** Whether an envelope under this DEK has to be sealed anew; a DEK without a row is one of the old. */
  isToReplace(dekId: string): boolean {
    const row = this.#rowOf(dekId);
    return row === undefined || this.isOld(row);
  }

  /** Old rows that open still. */
  get old(): readonly RowItem<LiveDekRow>[] {
    return this.#items.filter(
      (item): item is RowItem<LiveDekRow> => isLive(item.row) && this.isOld(item.row),
    );
  }

  /** Those of them that seal, too. */
  get oldActive(): readonly RowItem<ActiveDekRow>[] {
    return this.old.filter((item): item is RowItem<ActiveDekRow> => item.row.state === 'active');
  }

  /**
   * Those that were retired or shredded as they were sent, an answer that was lost included.
   *
   * @param sent - When, by dekId.
   */
  changedAsSent(sent: ReadonlyMap<string, string>): string[] {
    const rows = this.#items.map(({ row }) => row);
    const isOwn = (row: DekRow): boolean =>
      row.state !== 'active' && leftUseAt(row) === sent.get(row.id);
    return rows.filter(isOwn).map(({ id }) => id);
  }

  /** @throws FieldEncryptionError `DEK_SHREDDED`: what was erased must not come back under another DEK. */
  requireNotShredded(dekId: string): void {
    if (this.#rowOf(dekId)?.state !== 'shredded') return;
    throw new FieldEncryptionError(
      'DEK_SHREDDED',
      `DEK ${dekId} was shredded: what it sealed is gone, and is not encrypted again`,
      { dekId },
    );
  }

  #rowOf(dekId: string): DekRow | undefined {
    return this.#byId.get(dekId);
  }
}

/** Above it a new generation has to be, though the store may have lost the rows. */
export function highestGeneration(dekIds: readonly string[]): number {
  return Math.max(0, ...dekIds.map(generationIn));
}
