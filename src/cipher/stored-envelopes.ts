/** The DEKs that a document names as it was read from its store. @module */
import type { DocumentPlace } from '../document/document-place.js';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { generationIn, isDekId, isDekOf } from '../format/key-scope.js';
import { ciphertextIn, looksLikeEnvelope, type Envelope } from '../format/envelope.js';
import { isSoundEnvelope, ownLookAlikes } from './own-envelopes.js';

/**
 * Their rows may be lost, and be restored one day: a new DEK must not take the id of one of them. Never made
 * of what a caller passes, who could use up the generations of a document so.
 */
export class StoredEnvelopes {
  /** Of declared fields: whatever they name is a matter of the library's own. */
  readonly #declared: readonly string[];
  /** Of other places: some may have been sent by a client. */
  readonly #beside: readonly string[];
  readonly #values: readonly unknown[];

  private constructor(
    declared: readonly string[],
    beside: readonly string[],
    values: readonly unknown[],
  ) {
    this.#declared = declared;
    this.#beside = beside;
    this.#values = values;
  }

  static of(definition: AnyDefinition, product: string, stored: object): StoredEnvelopes {
    const { tree } = definition;
    const place = definition.placeOf(product, stored);
    const values = draftOf(stored, tree).slots.map(({ value }) => value);
    const beside = ownLookAlikes(stored, { scope: place.scope, tree, intoValues: true });
    return new StoredEnvelopes(
      values.flatMap((value) => ownDekIdOf(value, place)),
      beside.flatMap(({ value }) => ownDekIdOf(value, place)),
      values,
    );
  }

  static readonly none: StoredEnvelopes = new StoredEnvelopes([], [], []);

  /** With one that is known to have been made. */
  and(dekId: string): StoredEnvelopes {
    return new StoredEnvelopes([...this.#declared, dekId], this.#beside, this.#values);
  }

  /**
   * The highest generation that is named.
   *
   * @param mostCredible - What is named beside the declared fields, and is higher, does not count.
   */
  highest(mostCredible: number = Infinity): string | undefined {
    const credible = this.#beside.filter((dekId) => generationIn(dekId) <= mostCredible);
    let highest: string | undefined;
    for (const dekId of [...this.#declared, ...credible]) {
      if (!highest || generationIn(dekId) > generationIn(highest)) highest = dekId;
    }
    return highest;
  }

  /** Whether the envelope came from the store as it is. */
  holds(envelope: Envelope): boolean {
    return this.#values.some((value) => ciphertextIn(value) === envelope.ct);
  }
}

function ownDekIdOf(value: unknown, { scope }: DocumentPlace): string[] {
  if (!looksLikeEnvelope(value) || !isSoundEnvelope(value)) return [];
  const { dekId } = value as Partial<Envelope>;
  return isDekId(dekId) && isDekOf(scope, dekId) ? [dekId] : [];
}
