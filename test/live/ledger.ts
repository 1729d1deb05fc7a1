/** Which items the live tests made, in a file that outlives the process that made them. @module */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Where an item is: all that is needed to delete it. */
export interface ItemPlace {
  readonly container: string;
  readonly partition: string;
  readonly id: string;
}

export class Ledger {
  readonly #file: string;
  readonly #lines: Set<string>;

  /** @param file - Goes on where it ends; begun where there is none. */
  constructor(file: string) {
    this.#file = file;
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // What has no line end was cut off, before its item was sent.
    this.#lines = new Set(text.split('\n').slice(0, -1));
  }

  /** To be called before the item is sent. */
  note(place: ItemPlace): void {
    const line = lineOf(place);
    if (this.#lines.has(line)) return;
    appendFileSync(this.#file, `${line}\n`);
    this.#lines.add(line);
  }

  has(place: ItemPlace): boolean {
    return this.#lines.has(lineOf(place));
  }
}

function lineOf({ container, partition, id }: ItemPlace): string {
  return JSON.stringify([container, partition, id]);
}
