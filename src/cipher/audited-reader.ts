/** A reader that reports each document that it cannot open. @module */
import type { FailedOpens } from '../audit/failed-opens.js';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { DocumentReader, type DecryptOutcome, type ReadOptions } from './document-reader.js';
import { failedOpen } from './failed-open.js';
import type { ReadListeners } from './reported-reads.js';

type Opened = Record<string, unknown>;

export class AuditedReader extends DocumentReader {
  readonly #failedOpens: FailedOpens;

  constructor(
    deks: DekServices,
    passesPlaintext: boolean,
    listeners: ReadListeners & { readonly failedOpens: FailedOpens },
  ) {
    super(deks, passesPlaintext, listeners);
    this.#failedOpens = listeners.failedOpens;
  }

  override read(
    definition: AnyDefinition,
    stored: object,
    options: ReadOptions = {},
  ): Opened | Promise<Opened> {
    const failed = (error: unknown): never => this.failed(definition, options.signal, error);
    try {
      const reading = super.read(definition, stored, options);
      return reading instanceof Promise ? reading.catch(failed) : reading;
    } catch (error) {
      return failed(error);
    }
  }

  override async readMany(
    definition: AnyDefinition,
    list: readonly object[],
    options: ReadOptions & { readonly concurrency: number },
  ): Promise<DecryptOutcome<Opened>[]> {
    const outcomes = await super.readMany(definition, list, options);
    for (const each of outcomes) {
      if (!each.ok) this.#report(definition, each.error, options.signal);
    }
    return outcomes;
  }

  override failed(
    definition: AnyDefinition,
    signal: AbortSignal | undefined,
    error: unknown,
  ): never {
    this.#report(definition, error, signal);
    throw error;
  }

  #report(definition: AnyDefinition, error: unknown, signal: AbortSignal | undefined): void {
    const failed = failedOpen(definition, error, signal);
    if (failed) this.#failedOpens.add(failed);
  }
}
