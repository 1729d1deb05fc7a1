/** Distinguishes generations that this library can have created from forged ones. @module */
import { TamperedError } from '../errors/errors.js';
import type { RotationRecord } from '../format/rotation-record.js';
import {
  generationIn,
  highestCredibleGeneration,
  MOST_GENERATIONS_ABOVE_FLOOR,
} from '../format/key-scope.js';

/** Credible under every rotation record: no floor is below 1. */
const ALWAYS_CREDIBLE = highestCredibleGeneration(1);

type FloorHolder = { readonly record: Pick<RotationRecord, 'generationFloor'> } | undefined;

/** The source of the floor; a `RecordReader` is one. */
export interface FloorSource {
  freshCopy(): FloorHolder;
  read(): Promise<FloorHolder>;
}

/** Reads the rotation record only for a generation that the local copy does not allow. */
export class GenerationBound {
  readonly #records: FloorSource;

  constructor(records: FloorSource) {
    this.#records = records;
  }

  /** @throws TamperedError where the dekId names a generation that is too high. */
  async require(dekId: string): Promise<void> {
    const refusal = await this.refusalOf(dekId);
    if (refusal) throw refusal;
  }

  /** Returns what {@link GenerationBound.require} would throw. */
  async refusalOf(dekId: string): Promise<TamperedError | undefined> {
    const generation = generationIn(dekId);
    if (generation <= ALWAYS_CREDIBLE) return undefined;
    const isTooHigh = generation > (await this.#mostCredible(generation));
    return isTooHigh ? generationTooHigh(dekId) : undefined;
  }

  /** The rows without those of a generation that is too high. */
  async credible<Row extends { readonly generation: number }>(
    rows: readonly Row[],
  ): Promise<readonly Row[]> {
    const highest = rows.reduce((most, { generation }) => Math.max(most, generation), 0);
    if (highest <= ALWAYS_CREDIBLE) return rows;
    const most = await this.#mostCredible(highest);
    return rows.filter(({ generation }) => generation <= most);
  }

  async #mostCredible(wanted: number): Promise<number> {
    const copy = this.#records.freshCopy();
    const known = copy ? highestCredibleGeneration(copy.record.generationFloor) : 0;
    if (wanted <= known) return known;
    const read = await this.#records.read();
    // Reading works without a rotation record, and then there is no floor.
    return read ? highestCredibleGeneration(read.record.generationFloor) : Infinity;
  }
}

/** @throws TamperedError for a row of a generation that is too high under this rotation record. */
export function requireCredible(
  { id, generation }: { readonly id: string; readonly generation: number },
  { generationFloor }: Pick<RotationRecord, 'generationFloor'>,
): void {
  if (generation > highestCredibleGeneration(generationFloor)) throw generationTooHigh(id);
}

function generationTooHigh(dekId: string): TamperedError {
  return new TamperedError(
    `DEK ${dekId} is refused: its generation is more than ${String(MOST_GENERATIONS_ABOVE_FLOOR)} above the rotation record's generationFloor, which this library never creates; restore the item that names it from a backup, or delete the forged row`,
    { dekId },
  );
}
