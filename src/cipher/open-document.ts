/** An open document: seals and opens its fields one by one, without waiting. @module */
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import { elapsedBetween, elapsedMs, momentOf } from '../async/clock.js';
import type { DekServices } from '../dek/dek-services.js';
import type { Dek, ShredToken } from '../dek/dek.js';
import { type DocumentPlace, seenPathsOf, type SeenPaths } from '../document/document-draft.js';
import type { SealingDek } from '../dek/sealing-deks.js';
import type {
  AnyDefinition,
  DeclaredPath,
  FieldValue,
  OpenedValue,
} from '../document/typed-document.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { type DocumentReader, envelopeOf } from './document-reader.js';
import { looksLikeEnvelope, type Envelope } from '../format/key-scope.js';
import { fieldCipher, type FieldCipher, encodeFieldValue } from './field-cipher.js';
import { refusedEnvelope } from './own-envelopes.js';

/** @internal The parts of an open document. */
export interface OpenDocumentParts<D extends AnyDefinition> {
  readonly definition: D;
  readonly place: DocumentPlace;
  /** The DEKs of every live generation. */
  readonly deks: readonly Dek[];
  readonly sealing: SealingDek | undefined;
  /** Why it cannot seal, where the reason is not a missing DEK. */
  readonly sealRefusal?: Error | undefined;
  /** The token of the document's scope, from when opening began. */
  readonly token: ShredToken;
  readonly services: DekServices;
  readonly enabled: boolean;
  /** Decides on plaintext, and counts it. */
  readonly reader: DocumentReader;
}

interface TimedCipher {
  readonly cipher: FieldCipher;
  readonly dek: Dek;
}

/** One document's synchronous cipher, returned by `FieldEncryptor.openDocument`. */
export class OpenDocument<D extends AnyDefinition> {
  readonly #parts: OpenDocumentParts<D>;
  readonly #ciphers: ReadonlyMap<string, TimedCipher>;
  readonly #seen: SeenPaths;
  #lastMarked: string | undefined;
  #lastOpened: Envelope | undefined;

  /** @internal */
  constructor(parts: OpenDocumentParts<D>) {
    this.#parts = parts;
    this.#seen = seenPathsOf(parts.services);
    const ciphers = parts.deks.map((dek) => ({ dek, cipher: fieldCipher(dek, parts.place) }));
    this.#ciphers = new Map(ciphers.map((timed) => [timed.dek.id, timed]));
  }

  /**
   * Seals one value for a declared path. For `tags[]` this is one element.
   *
   * With `enabled: false`, and for a path in stage `opening`, it returns the value unchanged.
   *
   * @throws TypeError for a value that JSON cannot hold; RangeError for one that is too long, and for a path
   *   that is not declared.
   * @throws FieldEncryptionError `ENVELOPE_REFUSED` for a property `_enc` at any depth; `CIPHER_STALE` when
   *   the document has been open for too long: open it again; `DEK_NOT_FOUND` when it has no DEK yet: open it
   *   with `createDek: true`; `ROTATION_RECORD_BEHIND`: restore the newest rotation record, and open it
   *   again; `DEK_SHREDDED` when this process shredded the document since it was opened.
   */
  seal<P extends DeclaredPath<D>>(path: P, value: FieldValue<D, P>): Envelope {
    const { definition, sealing, services, enabled } = this.#parts;
    const field = definition.declaredField(path);
    if (looksLikeEnvelope(value)) throw refusedEnvelope(path);
    if (enabled && field.stage === 'opening') return value as Envelope;
    const encoded = encodeFieldValue(value, path);
    this.#mark(path);
    if (!enabled) return value as Envelope;
    const timed = sealing && this.#ciphers.get(sealing.dek.id);
    if (!timed) throw this.#parts.sealRefusal ?? this.#noDek();
    const now = momentOf(services.context.clock);
    const isOld = elapsedBetween(sealing.rowReadAt, now) >= sealing.fenceTtlMs;
    if (isOld) throw stale(sealing.dek.id);
    this.#requireYoung(timed.dek, elapsedBetween(timed.dek.unwrappedAt, now));
    return timed.cipher.seal(field, encoded, sealing.mekVersion);
  }

  /**
   * Opens one stored value of a declared or former path; returns `undefined` for an absent one.
   *
   * Plaintext is passed through in mode `'migrate'` and with `enabled: false`, counted and reported.
   *
   * @throws TamperedError where the envelope was not sealed at this path of this document.
   * @throws FieldEncryptionError `PLAINTEXT_REFUSED`; `CIPHER_STALE` and `DEK_NOT_FOUND`: open the document
   *   again, its DEK is older than the cache allows or newer than this cipher; `DEK_SHREDDED`.
   */
  open<P extends DeclaredPath<D>, S>(path: P, stored: S): OpenedValue<D, P, S> {
    const { definition, reader } = this.#parts;
    try {
      return this.#opened(path, stored) as OpenedValue<D, P, S>;
    } catch (error) {
      return reader.failed(definition, undefined, error);
    }
  }

  #opened(path: string, stored: unknown): unknown {
    const { definition, place, services, reader } = this.#parts;
    const field = definition.storedField(path);
    if (stored === undefined) return undefined;
    this.#mark(path);
    if (!looksLikeEnvelope(stored)) {
      reader.passPlaintext(field, definition, place);
      return stored;
    }
    const envelope = envelopeOf(stored, path, place, this.#lastOpened);
    this.#lastOpened = envelope;
    const timed = this.#ciphers.get(envelope.dekId);
    if (!timed) throw this.#newerDek(envelope.dekId);
    this.#requireYoung(timed.dek, elapsedMs(services.context.clock, timed.dek.unwrappedAt));
    return timed.cipher.open(field, envelope);
  }

  /**
   * Call this once the database has acknowledged a write of values that were sealed here, like
   * `DocumentWrite.confirm`.
   *
   * @returns False when the DEK was retired, or shredded by another process, before the write landed: open
   *   the document again, seal and write again.
   * @throws FieldEncryptionError `DEK_SHREDDED` where this process shredded the document since it was opened.
   */
  async confirmWrite(options?: CallOptions): Promise<boolean> {
    const signal = signalIn(options);
    const { sealing, services, token } = this.#parts;
    return unlessAborted(signal, async () => {
      token.throwIfShredded();
      return sealing === undefined || services.sealing.isStillGood(sealing, signal);
    });
  }

  #mark(path: string): void {
    if (path === this.#lastMarked) return;
    this.#lastMarked = path;
    this.#seen.mark(this.#parts.definition, path);
  }

  #requireYoung(dek: Dek, ageMs: number): void {
    if (ageMs >= this.#parts.services.context.dekCache.ttlMs) throw stale(dek.id);
  }

  /** Another process may have created it since; opening again must then find it. */
  #newerDek(dekId: string): FieldEncryptionError {
    const { services, place } = this.#parts;
    services.scopeRows.forget(place.scope.scopeId);
    return new FieldEncryptionError(
      'DEK_NOT_FOUND',
      `DEK ${dekId} was not among the document's live DEKs when it was opened: open it again`,
      { dekId },
    );
  }

  #noDek(): FieldEncryptionError {
    return new FieldEncryptionError(
      'DEK_NOT_FOUND',
      `Scope ${this.#parts.place.scope.scopeId} has no active DEK: open the document with "createDek: true" to seal its first field`,
    );
  }
}

function stale(dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'CIPHER_STALE',
    `The document was opened too long ago to use DEK ${dekId}: open it again`,
    { dekId },
  );
}
