/** Opens documents for work on single fields. @module */
import type { DekServices } from '../dek/dek-services.js';
import type { LiveDekRow } from '../dek/dek-row.js';
import type { Dek } from '../dek/dek.js';
import type { KeyScope } from '../dek/key-scope.js';
import type { ScopeListing } from '../dek/scope-rows.js';
import type { SealingDek } from '../dek/sealing-deks.js';
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import { hasCode } from '../errors.js';
import { mapConcurrently } from '../map-concurrently.js';
import type { DocumentReader } from './document-reader.js';
import { DEKS_AT_ONCE, requireFewDeks } from '../dek/distinct-deks.js';
import { OpenDocument, type OpenDocumentParts } from './open-document.js';

const NOT_FOLLOWED = ['ROTATION_RECORD_BEHIND', 'ROTATION_RECORD_MISSING'] as const;

export class DocumentOpener {
  readonly #deks: DekServices;
  readonly #reader: DocumentReader;
  readonly #enabled: boolean;

  constructor(deks: DekServices, reader: DocumentReader, enabled: boolean) {
    this.#deks = deks;
    this.#reader = reader;
    this.#enabled = enabled;
  }

  /** Loads every live generation; only with `createDek` does it write anything. */
  async open<D extends AnyDefinition>(
    definition: D,
    key: DocumentKey<D>,
    createDek: boolean,
  ): Promise<OpenDocument<D>> {
    const { context, loader } = this.#deks;
    const place = definition.placeOf(context.product, key);
    const { sealing, sealRefusal } = await this.#sealingFor(place.scope, createDek);
    const { live } = await this.#listing(place.scope);
    requireFewDeks(place.scope.scopeId, live.length);
    const load = (row: LiveDekRow): Promise<Dek> => loader.loadRow(row);
    const deks = await mapConcurrently(live, load, { concurrency: DEKS_AT_ONCE });
    return new OpenDocument({
      definition,
      place,
      deks: sealing ? [...deks, sealing.dek] : deks,
      sealing,
      sealRefusal,
      services: this.#deks,
      enabled: this.#enabled,
      reader: this.#reader,
    });
  }

  /** A rotation record that was put back stops sealing alone: opening goes on without it. */
  async #sealingFor(
    scope: KeyScope,
    createDek: boolean,
  ): Promise<Pick<OpenDocumentParts<AnyDefinition>, 'sealing' | 'sealRefusal'>> {
    try {
      const sealing = (await this.#seals(scope, createDek))
        ? await this.#sealingDek(scope)
        : undefined;
      return { sealing };
    } catch (error) {
      if (createDek || !hasCode(error, ...NOT_FOLLOWED)) throw error;
      return { sealing: undefined, sealRefusal: error as Error };
    }
  }

  /** A lost rotation record stops writing alone: reading goes on without it. */
  async #seals(scope: KeyScope, createDek: boolean): Promise<boolean> {
    if (!this.#enabled || createDek) return this.#enabled;
    const { records } = this.#deks;
    const record = records.freshCopy() ?? (await records.read());
    return record !== undefined && (await this.#listing(scope)).active !== undefined;
  }

  async #sealingDek(scope: KeyScope): Promise<SealingDek> {
    return this.#deks.sealing.ready(scope) ?? this.#deks.sealing.prepare(scope);
  }

  /** As writers see the scope; without a rotation record there is no limit to go by, so anew. */
  async #listing({ scopeId }: KeyScope): Promise<ScopeListing> {
    const { records, scopeRows } = this.#deks;
    const copy = records.freshCopy();
    const known = copy && scopeRows.fresh(scopeId, copy.record.fenceTtlMs);
    return known ?? scopeRows.read(scopeId);
  }
}
