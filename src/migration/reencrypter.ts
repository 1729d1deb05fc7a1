/** Moves documents, one after the other, to a fresh DEK. @module */
import { placeOf } from '../document/document-draft.js';
import { isNeverUsed, type LiveDekRow, retiredRow, tombstoneOf } from '../format/dek-row.js';
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { type DekSource, reopenToMove } from '../cipher/write-plan.js';
import type { Dek, ShredToken } from '../dek/dek.js';
import type { DekLoader } from '../dek/dek-loader.js';
import type { KeyScope } from '../format/key-scope.js';
import { contended, hasCode } from '../errors/errors.js';
import type { AnyDocument, AnyDocumentItem, DocumentIdentity } from '../run/scanned-document.js';
import {
  type DocumentRewrite,
  type SettledDocument,
  type SettleDocument,
  touchDocument,
  updateStored,
} from './document-passes.js';
import {
  changeOldDeks,
  DekGenerations,
  highestGeneration,
  type ReadGenerations,
} from './dek-generations.js';
import type { MigrationContext } from './migration-options.js';
import type { DekChanges, DekReport } from './migration-event.js';
import type { OldDeks } from './reencryption-floor.js';
import {
  hasToMove,
  requireAllReplaced,
  requireNoStray,
  storedFieldsOf,
  type StoredFields,
} from '../run/stored-fields.js';
import { requireStorable, upgradedDocument, type UpgradeDocument } from './upgrade-document.js';

/** A DEK that the source does not have: it was created later, or is under another MEK. */
const NOT_OF_THE_SOURCE = [
  'DEK_NOT_FOUND',
  'KEY_PROVIDER_NOT_CONFIGURED',
  'MEK_DISABLED',
  'MEK_VERSION_UNKNOWN',
] as const;

interface ReencrypterParts {
  /** Opens the DEKs that the encryption itself cannot open. */
  readonly source: DekLoader | undefined;
  readonly upgrade: UpgradeDocument | undefined;
}

export class Reencrypter {
  /** By scope: DEKs retired since the last wait, which writers may still use. */
  readonly #retired = new Set<string>();
  /** By scope: the time of retirement is unknown, and so is the end of the wait. */
  readonly #doubts = new Map<string, unknown>();
  /** Rows that their own writers retired, by dekId: found since the last wait, and found before it. */
  readonly #found = new Set<string>();
  readonly #waited = new Set<string>();
  #hasWaited = false;
  readonly #context: MigrationContext;
  readonly #source: DekLoader | undefined;
  readonly #upgrade: UpgradeDocument | undefined;
  readonly #read: ReadGenerations;

  constructor(context: MigrationContext, oldDeks: OldDeks, { source, upgrade }: ReencrypterParts) {
    this.#context = context;
    this.#source = source;
    this.#upgrade = upgrade;
    this.#read = (scope) =>
      DekGenerations.read(context.dekStore, scope, { oldDeks, signal: context.signal });
  }

  /** After a whole wait, DEKs that were retired before it are out of use. */
  beginRound(): void {
    this.#hasWaited = true;
    this.#retired.clear();
    for (const dekId of this.#found) this.#waited.add(dekId);
    this.#found.clear();
  }

  /** DEKs that were retired since the last wait need a wait too. */
  get needsWait(): boolean {
    return [...this.#retired].some((scopeId) => !this.#doubts.has(scopeId));
  }

  /** Rewrites the document where it names an old DEK, and then retires the old DEKs. */
  readonly settle: SettleDocument = async (item, key) => {
    const settled = await this.#rewrite(item, key);
    if (settled.outcome.type === 'skipped') return settled;
    const { changed: retired, generations } = await this.#retire(this.#scopeOf(key));
    return withDeks(settled, { ...(retired.length > 0 && { retired }), ...reportOf(generations) });
  };

  /** After the wait: the same, then a new etag and one more read; then the old DEKs are shredded. */
  readonly shred: SettleDocument = async (item, key) => {
    const settled = await this.settle(item, key);
    const scope = this.#scopeOf(key);
    const { scopeId } = scope;
    if (settled.outcome.type === 'skipped' || this.#retired.has(scopeId)) return settled;
    const generations = await this.#read(scope);
    const inUse = generations.old.filter(({ row }) => this.#mayBeInUse(row));
    if (generations.old.length === inUse.length) return settled;
    if (this.#doubts.has(scopeId)) throw this.#doubts.get(scopeId);
    const isStored = await this.#touch(key);
    if (!isStored) return { outcome: { type: 'skipped', key, reason: 'removed' }, lostRace: true };
    const { changed: shredded } = await changeOldDeks(this.#context, scope, {
      what: 'Shredding',
      read: this.#read,
      // A DEK that is active by now is not shredded.
      left: ({ old }) => old.filter(({ row }) => row.state === 'retired' && !this.#mayBeInUse(row)),
      changed: tombstoneOf,
      shreds: true,
      beforeSend: () => undefined,
    });
    const fields = settled.outcome.type === 'changed' ? settled.outcome.fields : 0;
    const outcome = { type: 'changed', key, fields, shredded, ...reportOf(generations) } as const;
    return { outcome, lostRace: settled.lostRace };
  };

  /** Whether the row was retired by its own writer, which may have been during the last wait. */
  #mayBeInUse(row: LiveDekRow): boolean {
    if (!isNeverUsed(row) || this.#waited.has(row.id)) return false;
    this.#found.add(row.id);
    this.#retired.add(row.scopeId);
    return true;
  }

  /** Opens the document as {@link Reencrypter.settle} would, and writes nothing. */
  readonly dryRun: SettleDocument = async ({ document }, key) => {
    const fields = storedFieldsOf(this.#context, document);
    const generations = await this.#read(fields.place.scope);
    const report = reportOf(generations);
    const next = await this.#rewriteOf(document, fields, generations);
    if (!next) return { outcome: { type: 'unchanged', key, ...report }, lostRace: false };
    const outcome = { type: 'would-change', key, fields: next.fields, ...report } as const;
    return { outcome, lostRace: false };
  };

  async #retire(scope: KeyScope): ReturnType<typeof changeOldDeks> {
    const writes = { sent: 0 };
    try {
      return await changeOldDeks(this.#context, scope, {
        what: 'Retiring',
        read: this.#read,
        left: ({ oldActive }) => oldActive,
        changed: retiredRow,
        beforeSend: () => {
          writes.sent += 1;
          if (this.#hasWaited) this.#retired.add(scope.scopeId);
        },
      });
    } catch (error) {
      if (writes.sent > 0) this.#doubts.set(scope.scopeId, error);
      throw error;
    }
  }

  #scopeOf(key: DocumentIdentity): KeyScope {
    const { definition, product } = this.#context;
    return placeOf(definition, product, key).scope;
  }

  #rewrite(item: AnyDocumentItem, key: DocumentIdentity): Promise<SettledDocument> {
    const token = this.#context.services.tokens.of(this.#scopeOf(key).scopeId);
    let generations: DekGenerations | undefined;
    const rewrite = async (document: AnyDocument): Promise<DocumentRewrite | undefined> => {
      const fields = storedFieldsOf(this.#context, document);
      generations = await this.#read(fields.place.scope);
      // Before a DEK is created for it: a document that cannot be moved is left unchanged.
      const next = await this.#rewriteOf(document, fields, generations);
      if (next) generations = await this.#renew(fields, generations, token);
      return next;
    };
    const resealFrom: DekSource = (dekId) => this.#dekOf(dekId, generations);
    return updateStored(this.#context, { item, key, rewrite, resealFrom, token });
  }

  /** Ensures that the document has a new DEK. */
  async #renew(
    { place, dekIds }: StoredFields,
    before: DekGenerations,
    token: ShredToken,
  ): Promise<DekGenerations> {
    this.#context.signal?.throwIfAborted();
    await this.#context.services.sealing.renew(place.scope, token, {
      isWanted: (row) => !before.isOld(row),
      above: highestGeneration(dekIds),
    });
    // Read again: DEKs that were shredded since are not opened for the new DEK.
    return this.#read(place.scope);
  }

  /**
   * Returns what to store instead; `undefined` where the document names no old DEK and fits the definition.
   *
   * @throws What moving the document to another DEK would fail with.
   */
  async #rewriteOf(
    document: AnyDocument,
    fields: StoredFields,
    generations: DekGenerations,
  ): Promise<DocumentRewrite | undefined> {
    const { sealed, plain, place, dekIds } = fields;
    const isToReplace = (dekId: string): boolean => generations.isToReplace(dekId);
    const dekOf: DekSource = (dekId) => this.#dekOf(dekId, generations);
    requireNoStray(fields, isToReplace);
    if (!dekIds.some(isToReplace) && !isMisplaced(fields)) return undefined;
    const upgraded =
      this.#upgrade &&
      (await upgradedDocument(
        this.#context,
        { document, fields },
        { upgrade: this.#upgrade, dekOf },
      ));
    if (!upgraded) requireAllReplaced(fields);
    const next = upgraded ?? { document, fields: sealed.length + plain };
    // Called for its refusals: what is not sealed has to be stored too.
    await requireStorable(this.#context, next.document, dekOf);
    for (const each of sealed) reopenToMove(await dekOf(each.envelope.dekId), place, each);
    return next;
  }

  async #dekOf(dekId: string, generations: DekGenerations | undefined): Promise<Dek> {
    generations?.requireNotShredded(dekId);
    const { loader } = this.#context.services;
    const isOld = generations?.isToReplace(dekId) ?? false;
    if (!isOld || !this.#source) return loader.load(dekId);
    try {
      return await this.#source.load(dekId);
    } catch (error) {
      if (!hasCode(error, ...NOT_OF_THE_SOURCE)) throw error;
      return loader.load(dekId).catch((own: unknown) => {
        // Where neither has the DEK, the source is the one to fix.
        throw hasCode(own, ...NOT_OF_THE_SOURCE) ? error : own;
      });
    }
  }

  /** False where the document does not exist; afterwards no write that began before can succeed. */
  async #touch(key: DocumentIdentity): Promise<boolean> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const { store, signal } = this.#context;
      await touchDocument(this.#context, key);
      const item = await store.get(key, { signal });
      if (!item) return false;
      const { outcome } = await this.#rewrite(item, key);
      if (outcome.type === 'skipped') return false;
      if (outcome.type === 'unchanged') return this.#requireNothingInside(item.document);
    }
    throw contended('Replacing the document once more', MOST_ATTEMPTS);
  }

  /** True; @throws For an old envelope inside a value: an earlier version may have sealed it again. */
  async #requireNothingInside(document: AnyDocument): Promise<true> {
    const { sealed, place } = storedFieldsOf(this.#context, document);
    const { loader } = this.#context.services;
    for (const each of sealed) {
      reopenToMove(await loader.load(each.envelope.dekId), place, each);
    }
    return true;
  }
}

/** Plaintext at declared paths is left to a backfill. */
function isMisplaced(fields: StoredFields): boolean {
  return hasToMove({ ...fields, plain: 0 });
}

/** The report about these DEKs; empty where there is nothing to report. */
function reportOf({ misdated }: DekGenerations): DekReport {
  return misdated.length > 0 ? { misdated } : {};
}

function withDeks(settled: SettledDocument, deks: DekChanges & DekReport): SettledDocument {
  const { outcome } = settled;
  if (outcome.type !== 'changed' && outcome.type !== 'unchanged') return settled;
  const hasWritten = deks.retired !== undefined || deks.shredded !== undefined;
  return { ...settled, outcome: { ...outcome, ...deks }, hasWritten };
}
