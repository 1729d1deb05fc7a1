/** Encrypts whole documents. @module */
import type { DekServices } from '../dek/dek-services.js';
import type { DocumentPlace } from '../dek/document-place.js';
import type { SealingDek } from '../dek/sealing-deks.js';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { hasCode } from '../errors.js';
import { fieldCipher } from './field-cipher.js';
import { planWrite, refusedEnvelope, type PlainSlot, type SealedSlot } from './write-plan.js';

export interface WrittenDocument {
  readonly document: Record<string, unknown>;
  readonly place: DocumentPlace;
  /** Absent where nothing had to be sealed. */
  readonly sealing: SealingDek | undefined;
}

export class DocumentWriter {
  readonly #deks: DekServices;
  readonly #enabled: boolean;

  constructor(deks: DekServices, enabled: boolean) {
    this.#deks = deks;
    this.#enabled = enabled;
  }

  /** A copy with every plain declared field sealed; envelopes that it brought along stay. */
  async write(definition: AnyDefinition, document: object): Promise<WrittenDocument> {
    const draft = draftOf(document, definition.tree);
    const place = definition.placeOf(this.#deks.context.product, draft.document);
    const { plain, carried } = planWrite(draft, place);
    if (carried.length > 0) await this.#keepOwn(carried, place);
    const isSealing = this.#enabled && plain.length > 0;
    const sealing = isSealing ? await this.#seal(plain, place) : undefined;
    return { document: draft.document, place, sealing };
  }

  async #seal(plain: readonly PlainSlot[], place: DocumentPlace): Promise<SealingDek> {
    const { sealing } = this.#deks;
    const current = sealing.ready(place.scope) ?? (await sealing.prepare(place.scope));
    const cipher = fieldCipher(current.dek, place);
    for (const { slot, encoded } of plain) {
      slot.fill(cipher.seal(slot.field, encoded, current.mekVersion));
    }
    return current;
  }

  async #keepOwn(carried: readonly SealedSlot[], place: DocumentPlace): Promise<void> {
    const { context, loader } = this.#deks;
    for (const { slot, envelope } of carried) {
      const { dekId } = envelope;
      const dek = context.dekCache.get(dekId) ?? (await loader.load(dekId));
      const cipher = fieldCipher(dek, place);
      try {
        cipher.open(slot.field, envelope);
      } catch (error) {
        throw hasCode(error, 'TAMPERED') ? refusedEnvelope(slot.field.path, error) : error;
      }
      // The envelope that was checked, not the object that was passed in: it could answer twice.
      slot.fill(envelope);
    }
  }
}
