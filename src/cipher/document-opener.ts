/** Opens documents for work on single fields. @module */
import { placeOf } from '../document/document-draft.js';
import type { DekServices } from '../dek/dek-services.js';
import type { LiveDekRow } from '../format/dek-row.js';
import type { Dek, ShredToken } from '../dek/dek.js';
import type { KeyScope } from '../format/key-scope.js';
import type { ScopeListing } from '../dek/scope-rows.js';
import type { SealingDek } from '../dek/sealing-deks.js';
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import { hasCode } from '../errors/errors.js';
import { mapConcurrently } from '../async/concurrency.js';
import type { DocumentReader } from './document-reader.js';
import { DEKS_AT_ONCE, requireFewDeks } from '../dek/dek-bounds.js';
import { OpenDocument, type OpenDocumentParts } from './open-document.js';

const NOT_FOLLOWED = ['ROTATION_RECORD_BEHIND', 'ROTATION_RECORD_MISSING'] as const;

interface OpenRequest {
  readonly createDek: boolean;
  readonly signal: AbortSignal | undefined;
}

export class DocumentOpener {
  readonly #deks: DekServices;
  readonly #reader: DocumentReader;
  readonly #enabled: boolean;

  constructor(deks: DekServices, reader: DocumentReader, enabled: boolean) {
    this.#deks = deks;
    this.#reader = reader;
    this.#enabled = enabled;
  }

  /** Loads every live generation; writes only with `createDek`. */
  async open<D extends AnyDefinition>(
    definition: D,
    key: DocumentKey<D>,
    request: OpenRequest,
  ): Promise<OpenDocument<D>> {
    try {
      return await this.#open(definition, key, request);
    } catch (error) {
      return this.#reader.failed(definition, request.signal, error);
    }
  }

  async #open<D extends AnyDefinition>(
    definition: D,
    key: DocumentKey<D>,
    request: OpenRequest,
  ): Promise<OpenDocument<D>> {
    const { context, loader } = this.#deks;
    const place = placeOf(definition, context.product, key);
    const token = this.#deks.tokens.of(place.scope.scopeId);
    const { sealing, sealRefusal } = await this.#sealingFor(place.scope, token, request);
    const { signal } = request;
    const { live } = await this.#listing(token, signal);
    requireFewDeks(place.scope.scopeId, live.length);
    const load = (row: LiveDekRow): Promise<Dek> => loader.loadRow(row, token);
    const deks = await mapConcurrently(live, load, { concurrency: DEKS_AT_ONCE, signal });
    token.throwIfShredded();
    return new OpenDocument({
      definition,
      place,
      deks: sealing ? [...deks, sealing.dek] : deks,
      sealing,
      sealRefusal,
      token,
      services: this.#deks,
      enabled: this.#enabled,
      reader: this.#reader,
    });
  }

  /**
   * A rotation record that was restored from an older state prevents sealing only: opening works without it.
   */
  async #sealingFor(
    scope: KeyScope,
    token: ShredToken,
    request: OpenRequest,
  ): Promise<Pick<OpenDocumentParts<AnyDefinition>, 'sealing' | 'sealRefusal'>> {
    try {
      const sealing = (await this.#seals(token, request))
        ? await this.#sealingDek(scope, token, request)
        : undefined;
      return { sealing };
    } catch (error) {
      if (request.createDek || !hasCode(error, ...NOT_FOLLOWED)) throw error;
      return { sealing: undefined, sealRefusal: error as Error };
    }
  }

  /** A lost rotation record prevents writing only: reading works without it. */
  async #seals(token: ShredToken, { createDek, signal }: OpenRequest): Promise<boolean> {
    if (!this.#enabled || createDek) return this.#enabled;
    const { records } = this.#deks;
    const record = records.freshCopy() ?? (await records.read());
    return record !== undefined && (await this.#listing(token, signal)).active !== undefined;
  }

  async #sealingDek(
    scope: KeyScope,
    token: ShredToken,
    { signal }: OpenRequest,
  ): Promise<SealingDek> {
    signal?.throwIfAborted();
    return this.#deks.sealing.ready(scope) ?? this.#deks.sealing.prepare(scope, token);
  }

  /** The scope as writers see it; without a rotation record there is no age limit, so it is read again. */
  async #listing(token: ShredToken, signal: AbortSignal | undefined): Promise<ScopeListing> {
    signal?.throwIfAborted();
    const { records, scopeRows } = this.#deks;
    const copy = records.freshCopy();
    const known = copy && scopeRows.fresh(token.scopeId, copy.record.fenceTtlMs);
    return known ?? scopeRows.read(token);
  }
}
