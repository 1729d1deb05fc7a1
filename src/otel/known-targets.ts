/** The MEK version that each product's DEKs should be wrapped by, as far as this process knows. @module */
import type { RotationRecordMessage } from '../diagnostics/diagnostics-channels.js';
import type { UnwrapMessage } from '../diagnostics/traced-call.js';
import { isSameMek, mekIn, type MekReference } from '../format/dek-row.js';
import { MOST_PRODUCTS } from './attributes.js';

export interface KnownTarget {
  readonly epoch: number;
  readonly target: MekReference;
  /** Absent where it is known from a row alone. */
  readonly state?: RotationRecordMessage['state'];
}

/** Of which the backend may still show that they were the target. */
const MOST_FORMER = 10;

export class KnownTargets {
  readonly #targets = new Map<string, KnownTarget>();
  readonly #former = new Map<string, readonly MekReference[]>();

  get all(): ReadonlyMap<string, KnownTarget> {
    return this.#targets;
  }

  /** Targets of the product before the one of now, the newest last. */
  formerOf(product: string): readonly MekReference[] {
    return this.#former.get(product) ?? [];
  }

  /** The record is what counts; one that lags must not replace a newer one. */
  addRecord({ product, epoch, target, state }: RotationRecordMessage): void {
    const known = this.#targets.get(product);
    if (known?.state === undefined || known.epoch <= epoch)
      this.#set(product, { epoch, target, state });
  }

  /**
   * A process that only reads learns of a rotation from the rows that it has reached.
   *
   * @returns Whether the row was wrapped by another version than the target.
   */
  addUnwrap(message: UnwrapMessage): boolean {
    const { product, epoch } = message;
    if (epoch === undefined) return false;
    const known = this.#targets.get(product);
    if (!known || known.epoch < epoch) this.#set(product, { epoch, target: mekIn(message) });
    return known !== undefined && known.epoch >= epoch && !isSameMek(known.target, message);
  }

  #set(product: string, known: KnownTarget): void {
    const before = this.#targets.get(product);
    if (!before && this.#targets.size >= MOST_PRODUCTS) return;
    this.#targets.set(product, known);
    if (!before || isSameMek(before.target, known.target)) return;
    const former = [...this.formerOf(product), before.target];
    const others = former.filter((each) => !isSameMek(each, known.target));
    this.#former.set(product, others.slice(-MOST_FORMER));
  }
}
