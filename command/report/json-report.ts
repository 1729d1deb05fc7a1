/** A report as one JSON document: items first, as they come, then the result, then the seal. @module */
import type { ReportItem } from './evidence-schema.js';
import type { NewFile } from './new-file.js';
import { Digest, sealLine, sealOf, type Sealing } from './report-seal.js';

export class JsonReport {
  readonly #file: NewFile;
  readonly #digest = new Digest();
  #items = 0;
  #bytes = 0;
  #error: unknown;

  constructor(file: NewFile) {
    this.#file = file;
  }

  /** A file that cannot be written does not stop the run: {@link finish} throws what it met. */
  item(json: string): void {
    if (this.#error !== undefined) return;
    try {
      this.#append(this.#items === 0 ? `{\n  "items": [\n${json}` : `,\n${json}`);
      this.#items += 1;
    } catch (error) {
      this.#error = error;
    }
  }

  /**
   * @param report - As JSON, an object that is not empty.
   * @returns Of all bytes before the last line.
   * @throws UsageError where the file cannot be written whole.
   */
  finish(report: string, sealing: Sealing): string {
    if (this.#error !== undefined) throw this.#error as Error;
    this.#append(this.#items === 0 ? '{\n  "items": [],\n' : '\n  ],\n');
    // The braces around it are those of the file.
    this.#append(`${report.slice('{\n'.length, -'\n}'.length)},\n`);
    const { hex } = this.#digest;
    this.#file.append(Buffer.from(sealLine('json', sealOf(sealing, hex))));
    this.#file.finish();
    return hex;
  }

  /** Keeps the items of a report that is not whole, and no seal. */
  leave(): void {
    if (this.#items > 0) this.#file.leave(this.#bytes);
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    this.#bytes += bytes.length;
    this.#digest.add(bytes);
    this.#file.append(bytes);
  }
}

/** Counts the items of a report, whether a JSON file has them or not. */
export class ItemCount {
  readonly #digest = new Digest();
  #count = 0;

  /** @returns The item as the file has it. */
  add(item: ReportItem): string {
    const json = JSON.stringify(item);
    this.#digest.add(Buffer.from(`${json}\n`));
    this.#count += 1;
    return json;
  }

  get total(): { readonly count: number; readonly sha256: string } {
    return { count: this.#count, sha256: this.#digest.hex };
  }
}
