/** Decrypts whole documents: the plan, the options, the DEKs. @module */
import { mapConcurrently } from '../async/concurrency.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import type { DekOutcome } from '../dek/dek-loader.js';
import type { DekServices } from '../dek/dek-services.js';
import type { Dek } from '../dek/dek.js';
import { DEKS_AT_ONCE, DistinctDeks } from '../dek/dek-bounds.js';
import { draftOf, type DocumentDraft } from '../document/document-draft.js';
import { type DocumentPlace } from '../format/key-scope.js';
import { seenPathsOf, type SeenPaths } from '../document/seen-paths.js';
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import { TamperedError, FieldEncryptionError } from '../errors/errors.js';
import { looksLikeEnvelope, parseEnvelope, type Envelope, isDekOf } from '../format/key-scope.js';
import { requireIdentifier, requireIntegerBetween, requirePlainObject } from '../guards/guards.js';
import { fieldCipher, type FieldCipher, tamperedField } from './field-cipher.js';
import {
  reportsPlaintext,
  plaintextPaths,
  reportPlaintext,
  type PlaintextListener,
} from './plaintext-read.js';
import type { SealedSlot } from './write-plan.js';

interface ReadPlan {
  readonly sealed: readonly SealedSlot[];
  /** Each dekId once: one, or a few generations. */
  readonly dekIds: readonly string[];
  /** Declared fields, or containers of them, that are plaintext and are passed through. */
  readonly passedThrough: number;
}

/**
 * @param passesPlaintext - Whether plaintext in a declared field is passed through or refused.
 * @throws TamperedError for envelopes that are malformed or of another document, before any look-up;
 * FieldEncryptionError `PLAINTEXT_REFUSED` or `TOO_MANY_DEKS`.
 */
export function planRead(
  draft: DocumentDraft,
  place: DocumentPlace,
  passesPlaintext: boolean,
): ReadPlan {
  const sealed: SealedSlot[] = [];
  // Most documents name one DEK, and need no set.
  let dekIds: string[] = [];
  let named: DistinctDeks | undefined;
  let passedThrough = 0;
  for (const { path, value } of draft.misshapen) {
    if (looksLikeEnvelope(value)) throw misplacedEnvelope(path);
    passedThrough += passPlaintext(path, passesPlaintext);
  }
  for (const slot of draft.slots) {
    const { value, field } = slot;
    if (value === undefined) continue;
    if (looksLikeEnvelope(value)) {
      const previous = sealed.at(-1)?.envelope;
      const envelope = envelopeOf(value, field.path, place, previous);
      if (!previous) dekIds = [envelope.dekId];
      else if (envelope.dekId !== previous.dekId) {
        named ??= new DistinctDeks(dekIds);
        named.add(envelope.dekId);
      }
      sealed.push({ slot, envelope });
    } else passedThrough += passPlaintext(field.path, passesPlaintext);
  }
  return { sealed, dekIds: named ? [...named] : dekIds, passedThrough };
}

/**
 * A valid envelope of this very document; only its DEK can show whether it opens.
 *
 * @param sound - Another envelope of this document, checked before.
 */
export function envelopeOf(
  value: object,
  path: string,
  place: DocumentPlace,
  sound?: Envelope,
): Envelope {
  const envelope = parseEnvelope(value, path, sound);
  if (envelope.dekId === sound?.dekId || isDekOf(place.scope, envelope.dekId)) return envelope;
  throw tamperedField(path, envelope.dekId);
}

/** Returns 1, for the count, or throws the refusal. */
function passPlaintext(path: string, passesPlaintext: boolean): 1 {
  if (passesPlaintext) return 1;
  throw new FieldEncryptionError(
    'PLAINTEXT_REFUSED',
    `The declared field "${path}" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done`,
    { path },
  );
}

function misplacedEnvelope(path: string): TamperedError {
  return new TamperedError(
    `The value at "${path}" is an envelope where fields are declared inside it: restore the document from a backup`,
    { path },
  );
}

export interface DecryptDocumentOptions<D extends AnyDefinition> extends CallOptions {
  /**
   * Key parts that the caller knows from another source, such as the route or the session: a document with
   * other values is refused. Never take them from the document itself.
   */
  readonly expect?: Partial<DocumentKey<D>>;
}

export interface DecryptDocumentsOptions<
  D extends AnyDefinition,
> extends DecryptDocumentOptions<D> {
  /** Most concurrent unwraps. @default 16 */
  readonly concurrency?: number;
}

/** Shared by all calls without options: some calls are made for each document. */
const NONE: object = Object.freeze(Object.create(null) as object);
const DEFAULT_CONCURRENCY = 16;
const MOST_CONCURRENCY = 1_000;

export function readDecryptOptions<D extends AnyDefinition>(
  options: DecryptDocumentOptions<D> | undefined,
): DecryptDocumentOptions<D> {
  return options === undefined ? NONE : ownCallOptions(options, ['expect']);
}

export function readDecryptListOptions<D extends AnyDefinition>(
  options: DecryptDocumentsOptions<D>,
): DecryptDocumentsOptions<D> & { readonly concurrency: number } {
  return withConcurrency(ownCallOptions(options, ['expect', 'concurrency']));
}

/** @throws RangeError where it is not from 1 to 1 000. */
export function withConcurrency<T extends { readonly concurrency?: number }>(
  own: T,
): T & { readonly concurrency: number } {
  const { concurrency = DEFAULT_CONCURRENCY } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  // Not spread into a literal, which would inherit from `Object.prototype` again.
  return Object.assign(own, { concurrency });
}

/** Expected key parts, by name. */
export type ExpectedKey = Readonly<Partial<Record<string, string>>>;

/** The outcome for one document of a list. */
export type DecryptOutcome<T> =
  { readonly ok: true; readonly document: T } | { readonly ok: false; readonly error: unknown };

interface ReadOptions extends CallOptions {
  readonly expect?: ExpectedKey | undefined;
}

interface Reading {
  readonly definition: AnyDefinition;
  readonly place: DocumentPlace;
  readonly draft: DocumentDraft;
  readonly plan: ReadPlan;
}

type Outcome = DecryptOutcome<Record<string, unknown>>;

export class DocumentReader {
  readonly #deks: DekServices;
  readonly #passesPlaintext: boolean;
  readonly #onPlaintextRead: PlaintextListener | undefined;
  readonly #seen: SeenPaths;
  /** Declared fields that were plaintext, and were passed through. */
  plaintextReads = 0;

  constructor(
    deks: DekServices,
    passesPlaintext: boolean,
    onPlaintextRead: PlaintextListener | undefined,
  ) {
    this.#deks = deks;
    this.#passesPlaintext = passesPlaintext;
    this.#onPlaintextRead = onPlaintextRead;
    this.#seen = seenPathsOf(deks);
  }

  /** Returns no promise where the document's DEK is in memory: a promise costs as much as a short field. */
  read(
    definition: AnyDefinition,
    stored: object,
    { expect, signal }: ReadOptions = {},
  ): Promise<Record<string, unknown>> | Record<string, unknown> {
    if (expect !== undefined) requireKeyParts(definition, expect);
    const reading = this.#start(definition, stored, expect);
    const { dekIds } = reading.plan;
    const [first] = dekIds;
    if (first === undefined || dekIds.length > 1) return this.#readMixed(reading, signal);
    const dek = this.#deks.context.dekCache.get(first);
    return dek ? this.#finish(reading, () => dek) : this.#readCold(reading, first);
  }

  async #readCold(reading: Reading, dekId: string): Promise<Record<string, unknown>> {
    const dek = await this.#deks.loader.load(dekId);
    return this.#finish(reading, () => dek);
  }

  /** Reads a document with several generations, or none. */
  async #readMixed(
    reading: Reading,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, unknown>> {
    const { context, loader } = this.#deks;
    const { dekIds } = reading.plan;
    const load = async (dekId: string): Promise<Dek> =>
      context.dekCache.get(dekId) ?? loader.load(dekId);
    const loading = { concurrency: DEKS_AT_ONCE, signal };
    const loaded = await mapConcurrently(dekIds, load, loading);
    const deks = new Map(dekIds.map((dekId, index) => [dekId, loaded[index] as Dek]));
    return this.#finish(reading, (dekId) => deks.get(dekId) as Dek);
  }

  /** Returns an outcome for each document, in order; DEKs that are not in the cache are read in bulk. */
  async readMany(
    definition: AnyDefinition,
    list: readonly object[],
    options: ReadOptions & { readonly concurrency: number },
  ): Promise<Outcome[]> {
    const { expect } = options;
    if (expect !== undefined) requireKeyParts(definition, expect);
    const readings = list.map((stored) => attempt(() => this.#start(definition, stored, expect)));
    const plans = readings.flatMap((reading) => (reading.ok ? [reading.document.plan] : []));
    const dekIds = new Set(plans.flatMap((plan) => [...plan.dekIds]));
    const deks = await this.#deks.loader.loadMany(dekIds, options);
    const dekOf = (dekId: string): Dek => dekFrom(deks, dekId);
    return readings.map((reading) =>
      reading.ok ? attempt(() => this.#finish(reading.document, dekOf)) : reading,
    );
  }

  /** For one field: passes, counts and reports its plaintext, or refuses it. */
  passPlaintext(path: string, definition: AnyDefinition, place: DocumentPlace): void {
    this.plaintextReads += passPlaintext(path, this.#passesPlaintext);
    if (reportsPlaintext(this.#onPlaintextRead)) {
      reportPlaintext(this.#onPlaintextRead, definition, place, [path]);
    }
  }

  #start(definition: AnyDefinition, stored: object, expect: ExpectedKey | undefined): Reading {
    const draft = draftOf(stored, definition.tree);
    const place = definition.placeOf(this.#deks.context.product, draft.document);
    if (expect) requireExpected(definition, place, expect);
    this.#seen.look(definition, draft.document);
    const plan = planRead(draft, place, this.#passesPlaintext);
    return { definition, place, draft, plan };
  }

  #finish(reading: Reading, dekOf: (dekId: string) => Dek): Record<string, unknown> {
    const { place, draft, plan } = reading;
    let cipher: FieldCipher | undefined;
    for (const { slot, envelope } of plan.sealed) {
      if (cipher?.dekId !== envelope.dekId) cipher = fieldCipher(dekOf(envelope.dekId), place);
      slot.fill(cipher.open(slot.field, envelope));
    }
    if (plan.passedThrough > 0) this.#countPlaintext(reading);
    return draft.document;
  }

  #countPlaintext({ definition, place, draft, plan }: Reading): void {
    this.plaintextReads += plan.passedThrough;
    if (!reportsPlaintext(this.#onPlaintextRead)) return;
    reportPlaintext(this.#onPlaintextRead, definition, place, plaintextPaths(draft));
  }
}

function dekFrom(deks: ReadonlyMap<string, DekOutcome>, dekId: string): Dek {
  const outcome = deks.get(dekId) as DekOutcome;
  if (outcome.ok) return outcome.dek;
  throw outcome.error;
}

function attempt<T>(work: () => T): DecryptOutcome<T> {
  try {
    return { ok: true, document: work() };
  } catch (error) {
    return { ok: false, error };
  }
}

/** Checked once for a whole list, so that a mistake of the caller is not reported for each document. */
function requireKeyParts(definition: AnyDefinition, expect: ExpectedKey): void {
  requirePlainObject('expect', expect);
  const parts = Object.entries(expect);
  if (parts.length === 0) {
    throw new RangeError(
      `"expect" names no key part: expected one or more of ${definition.key.join(', ')}`,
    );
  }
  for (const [name, expected] of parts) {
    if (!definition.key.includes(name)) {
      throw new RangeError(`"expect" names "${name}", which is not a key part`);
    }
    requireIdentifier(`expect.${name}`, expected);
  }
}

function requireExpected(
  definition: AnyDefinition,
  place: DocumentPlace,
  expect: ExpectedKey,
): void {
  for (const [index, name] of definition.key.entries()) {
    if (Object.hasOwn(expect, name) && place.keyParts[index] !== expect[name]) {
      throw new TamperedError(
        `The document is not the one that was expected: its key part "${name}" differs`,
      );
    }
  }
}
