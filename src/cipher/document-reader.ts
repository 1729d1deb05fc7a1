/** Decrypts whole documents: the plan, the options, the DEKs. @module */
import { mapConcurrently } from '../async/concurrency.js';
import { ownCallOptions, type CallOptions } from '../async/abort.js';
import type { DekOutcome } from '../dek/dek-loader.js';
import type { DekServices } from '../dek/dek-services.js';
import type { Dek } from '../dek/dek.js';
import { DEKS_AT_ONCE, DistinctDeks } from '../dek/dek-bounds.js';
import type { DeclaredField, FieldStage } from '../document/field-tree.js';
import {
  placeOf,
  draftOf,
  hasOnlyItsFields,
  type DocumentDraft,
  type FieldSlot,
  type DocumentPlace,
  seenPathsOf,
  type SeenPaths,
} from '../document/document-draft.js';
import { failedOpenChannel } from '../diagnostics/diagnostics-channels.js';
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import { TamperedError, FieldEncryptionError } from '../errors/errors.js';
import { looksLikeEnvelope, parseEnvelope, type Envelope, isDekOf } from '../format/key-scope.js';
import { requireIntegerBetween } from '../guards/guards.js';
import { requireExpected, requireKeyParts, type ExpectedKey } from './expected-key.js';
import { reportFailedOpen } from './failed-open.js';
import { fieldCipher, type FieldCipher, tamperedField } from './field-cipher.js';
import { sealedByAnother, isOfFormerForm } from './former-fields.js';
import {
  envelopeInside,
  envelopeInValue,
  envelopesOfOthers,
  isSoundEnvelope,
  type OwnLookAlike,
} from './own-envelopes.js';
import {
  definitionMismatches,
  plaintextPaths,
  plaintextReads,
  type ReadListeners,
} from './reported-reads.js';
import type { DekSource, SealedSlot } from './write-plan.js';

interface ReadPlan {
  readonly sealed: readonly SealedSlot[];
  /** Each dekId once: one, or a few generations. */
  readonly dekIds: readonly string[];
  /** Declared fields, or containers of them, that are plaintext and are passed through. */
  readonly passedThrough: number;
  /** Declared values that are stored in the form of a former definition. */
  readonly ofFormerForm: number;
}

/**
 * @param passesPlaintext - Whether plaintext in a declared field in stage `sealed` is passed through or refused.
 * @throws TamperedError for envelopes that are malformed or of another document, before any look-up;
 * FieldEncryptionError `PLAINTEXT_REFUSED` or `TOO_MANY_DEKS`.
 */
export function planRead(
  draft: DocumentDraft,
  place: DocumentPlace,
  passesPlaintext: boolean,
): ReadPlan {
  const { formerPaths } = draft.shape;
  const sealed: SealedSlot[] = [];
  const planned = { sealed, place };
  let named: MoreDeks;
  let passedThrough = 0;
  let ofFormerForm = 0;
  for (const { path, value, stage } of draft.misshapen) {
    if (!looksLikeEnvelope(value)) passedThrough += passPlaintext(path, stage, passesPlaintext);
    // Envelopes of the document itself were found before: another definition sealed them.
    else if (!isOwn(value, place)) throw misplacedEnvelope(path);
  }
  for (const slot of draft.slots) {
    const { value, field } = slot;
    if (value === undefined) continue;
    if (looksLikeEnvelope(value)) named = addEnvelope(planned, slot, named);
    else if (formerPaths.root && isOfFormerForm(value, formerPaths.below(field.path))) {
      ofFormerForm += 1;
    } else passedThrough += passPlaintext(field.path, field.stage, passesPlaintext);
  }
  for (const slot of draft.former) named = addEnvelope(planned, slot, named);
  return { sealed, dekIds: dekIdsIn(sealed, named), passedThrough, ofFormerForm };
}

/** Most documents name one DEK, and need no set. */
type MoreDeks = DistinctDeks | undefined;

/** Returns the DEKs that are named up to here, where there are several. */
function addEnvelope(
  { sealed, place }: { readonly sealed: SealedSlot[]; readonly place: DocumentPlace },
  slot: FieldSlot,
  named: MoreDeks,
): MoreDeks {
  const previous = sealed.at(-1)?.envelope;
  const envelope = envelopeOf(slot.value as object, slot.field.path, place, previous);
  sealed.push({ slot, envelope });
  if (!previous || envelope.dekId === previous.dekId) return named;
  const deks = named ?? new DistinctDeks([previous.dekId]);
  deks.add(envelope.dekId);
  return deks;
}

function dekIdsIn(sealed: readonly SealedSlot[], named: MoreDeks): readonly string[] {
  if (named) return [...named];
  return sealed.slice(0, 1).map(({ envelope }) => envelope.dekId);
}

function isOwn(value: object, { scope }: DocumentPlace): boolean {
  const { dekId } = value as Partial<Envelope>;
  return typeof dekId === 'string' && isDekOf(scope, dekId) && isSoundEnvelope(value);
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

/** Returns what to add to the count, or throws the refusal. */
function passPlaintext(path: string, stage: FieldStage, passesPlaintext: boolean): 0 | 1 {
  if (stage === 'opening') return 0;
  if (passesPlaintext || stage === 'sealing') return 1;
  throw new FieldEncryptionError(
    'PLAINTEXT_REFUSED',
    `The declared field "${path}" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done`,
    { path },
  );
}

function misplacedEnvelope(path: string): TamperedError {
  return new TamperedError(
    `The value at "${path}" is an envelope of another document, where fields are declared inside it; a changed definition looks the same; restore the document from a backup`,
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

/** The outcome for one document of a list. */
export type DecryptOutcome<T> =
  { readonly ok: true; readonly document: T } | { readonly ok: false; readonly error: unknown };

export interface ReadOptions extends CallOptions {
  readonly expect?: ExpectedKey | undefined;
  /** Opens the envelopes in place of the document's own DEKs. */
  readonly dekOf?: DekSource | undefined;
}

interface Reading {
  readonly definition: AnyDefinition;
  readonly place: DocumentPlace;
  readonly draft: DocumentDraft;
  readonly plan: ReadPlan;
  /** Paths of envelopes that another definition sealed. */
  readonly mismatches: readonly string[];
}

const NO_OTHERS: readonly OwnLookAlike[] = [];

type Outcome = DecryptOutcome<Record<string, unknown>>;

export class DocumentReader {
  readonly #deks: DekServices;
  readonly #passesPlaintext: boolean;
  readonly #listeners: ReadListeners;
  readonly #seen: SeenPaths;
  /** Declared fields that were plaintext, and were passed through. */
  plaintextReads = 0;
  /** Envelopes of other definitions that were passed through. */
  definitionMismatches = 0;

  constructor(deks: DekServices, passesPlaintext: boolean, listeners: ReadListeners = {}) {
    this.#deks = deks;
    this.#passesPlaintext = passesPlaintext;
    this.#listeners = listeners;
    this.#seen = seenPathsOf(deks);
  }

  /** Returns no promise where the document's DEK is in memory: a promise costs as much as a short field. */
  read(
    definition: AnyDefinition,
    stored: object,
    options: ReadOptions = {},
  ): Promise<Record<string, unknown>> | Record<string, unknown> {
    if (!this.#reportsFailures) return this.#read(definition, stored, options);
    const failed = (error: unknown): never => this.failed(definition, options.signal, error);
    try {
      const reading = this.#read(definition, stored, options);
      return reading instanceof Promise ? reading.catch(failed) : reading;
    } catch (error) {
      return failed(error);
    }
  }

  #read(
    definition: AnyDefinition,
    stored: object,
    { expect, signal, dekOf }: ReadOptions,
  ): Promise<Record<string, unknown>> | Record<string, unknown> {
    if (expect !== undefined) requireKeyParts(definition, expect);
    const reading = this.#start(definition, stored, expect);
    const { dekIds } = reading.plan;
    const [first] = dekIds;
    if (first === undefined || dekIds.length > 1 || dekOf) {
      return this.#readMixed(reading, { signal, dekOf });
    }
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
    { signal, dekOf }: ReadOptions,
  ): Promise<Record<string, unknown>> {
    const { context, loader } = this.#deks;
    const { dekIds } = reading.plan;
    const own = async (dekId: string): Promise<Dek> =>
      context.dekCache.get(dekId) ?? loader.load(dekId);
    const load = dekOf ?? own;
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
    const outcomes = readings.map((reading) =>
      reading.ok ? attempt(() => this.#finish(reading.document, dekOf)) : reading,
    );
    for (const each of outcomes) {
      if (!each.ok) this.#reportFailure(definition, each.error, options.signal);
    }
    return outcomes;
  }

  /** Called where a document, or one of its fields, could not be opened; @throws The error. */
  failed(definition: AnyDefinition, signal: AbortSignal | undefined, error: unknown): never {
    this.#reportFailure(definition, error, signal);
    throw error;
  }

  get #reportsFailures(): boolean {
    return this.#listeners.onFailedOpen !== undefined || failedOpenChannel.hasSubscribers;
  }

  #reportFailure(definition: AnyDefinition, error: unknown, signal: AbortSignal | undefined): void {
    if (!this.#reportsFailures) return;
    const { product } = this.#deks.context;
    reportFailedOpen(this.#listeners.onFailedOpen, { product, definition, error, signal });
  }

  /** For one field: passes, counts and reports its plaintext, or refuses it. */
  passPlaintext(
    { path, stage }: DeclaredField,
    definition: AnyDefinition,
    place: DocumentPlace,
  ): void {
    const passed = passPlaintext(path, stage, this.#passesPlaintext);
    this.plaintextReads += passed;
    const { onPlaintextRead } = this.#listeners;
    if (passed > 0 && plaintextReads.isReported(onPlaintextRead)) {
      plaintextReads.report(onPlaintextRead, { definition, place, paths: [path] });
    }
  }

  #start(definition: AnyDefinition, stored: object, expect: ExpectedKey | undefined): Reading {
    const draft = draftOf(stored, definition);
    const place = placeOf(definition, this.#deks.context.product, draft.document);
    if (expect) requireExpected(definition, place, expect);
    this.#seen.look(definition, draft.document);
    const found = hasOnlyItsFields(draft) ? NO_OTHERS : envelopesOfOthers(draft, place.scope);
    const [first] = found;
    if (first && !this.#passesPlaintext) throw sealedByAnother(first, place);
    const plan = planRead(draft, place, this.#passesPlaintext);
    return { definition, place, draft, plan, mismatches: found.map(({ path }) => path) };
  }

  #finish(reading: Reading, dekOf: (dekId: string) => Dek): Record<string, unknown> {
    const { place, draft, plan } = reading;
    let cipher: FieldCipher | undefined;
    for (const { slot, envelope } of plan.sealed) {
      if (cipher?.dekId !== envelope.dekId) cipher = fieldCipher(dekOf(envelope.dekId), place);
      const value = cipher.open(slot.field, envelope);
      if (typeof value === 'object') this.#checkInside(value, slot.field.path, reading);
      slot.fill(value);
    }
    if (plan.passedThrough > 0) this.#countPlaintext(reading);
    if (reading.mismatches.length > 0) this.#countMismatches(reading, reading.mismatches);
    return draft.document;
  }

  /** For an envelope of the document that was sealed as part of a value. */
  #checkInside(value: unknown, path: string, reading: Reading): void {
    const inner = envelopeInside(value, reading.place.scope);
    if (!inner) return;
    if (!this.#passesPlaintext) throw envelopeInValue(path, inner.dekId);
    this.#countMismatches(reading, [path]);
  }

  #countPlaintext({ definition, place, draft, plan }: Reading): void {
    this.plaintextReads += plan.passedThrough;
    const { onPlaintextRead } = this.#listeners;
    if (!plaintextReads.isReported(onPlaintextRead)) return;
    plaintextReads.report(onPlaintextRead, { definition, place, paths: plaintextPaths(draft) });
  }

  #countMismatches({ definition, place }: Reading, paths: readonly string[]): void {
    this.definitionMismatches += paths.length;
    const { onDefinitionMismatch } = this.#listeners;
    if (!definitionMismatches.isReported(onDefinitionMismatch)) return;
    definitionMismatches.report(onDefinitionMismatch, { definition, place, paths });
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
