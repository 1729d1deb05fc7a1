/** The DEKs that a document names as it was read from its store. @module */
import type { DocumentPlace } from '../document/document-place.js';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { generationIn, isDekId, isDekOf } from '../format/key-scope.js';
import { ciphertextIn, looksLikeEnvelope, type Envelope } from '../format/envelope.js';
import { isSoundEnvelope, ownLookAlikes } from './own-envelopes.js';

/**
 * Their rows may be lost, and restored later: a new DEK must not take the id of one of them. Never created
 * from what a caller passes, who could otherwise use up the generations of a document.
 */
export class StoredEnvelopes {
  /** DEKs of declared fields: only the library writes there. */
  readonly #declared: readonly string[];
  /** DEKs of other places: a client may have sent some of them. */
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

  /** Adds a DEK that is known to have been created. */
  and(dekId: string): StoredEnvelopes {
    return new StoredEnvelopes([...this.#declared, dekId], this.#beside, this.#values);
  }

  /**
   * Returns the highest named generation.
   *
   * @param mostCredible - Outside the declared fields, generations above this one do not count.
   */
  highest(mostCredible: number = Infinity): string | undefined {
    const credible = this.#beside.filter((dekId) => generationIn(dekId) <= mostCredible);
    let highest: string | undefined;
    for (const dekId of [...this.#declared, ...credible]) {
      if (!highest || generationIn(dekId) > generationIn(highest)) highest = dekId;
    }
    return highest;
  }

  /** Whether the envelope came from the store unchanged. */
  holds(envelope: Envelope): boolean {
    return this.#values.some((value) => ciphertextIn(value) === envelope.ct);
  }
}

function ownDekIdOf(value: unknown, { scope }: DocumentPlace): string[] {
  if (!looksLikeEnvelope(value) || !isSoundEnvelope(value)) return [];
  const { dekId } = value as Partial<Envelope>;
  return isDekId(dekId) && isDekOf(scope, dekId) ? [dekId] : [];
}
