/** Encrypts whole documents. @module */
import { untilAborted } from '../async/abort.js';
import type { Plaintext } from '../crypto/aes.js';
import type { DekServices } from '../dek/dek-services.js';
import type { Dek, ShredToken } from '../dek/dek.js';
import type { SealingDek } from '../dek/sealing-deks.js';
import {
  placeOf,
  draftToWrite,
  type DocumentDraft,
  type DocumentPlace,
  seenPathsOf,
  type SeenPaths,
} from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { hasCode } from '../errors/errors.js';
import { ciphertextIn } from '../format/key-scope.js';
import { fieldCipher } from './field-cipher.js';
import { refusedEnvelope, type StoredEnvelopes } from './own-envelopes.js';
import { notMoved, requireNothingFormer } from './former-fields.js';
import {
  type DekSource,
  inClear,
  planFormer,
  planWrite,
  reopenToMove,
  requireNoUndeclared,
  type LookAlikeRule,
  type PlainSlot,
  type SealedSlot,
  type WritePlan,
} from './write-plan.js';

/** The stored document that a write replaces, and when the call began. */
export interface WriteParts {
  /** The shred token of the document's scope, where the call began earlier. @default taken now */
  readonly token?: ShredToken | undefined;
  /** Tokens by scope, where a call for several documents began earlier. */
  readonly begun?: ReadonlyMap<string, ShredToken> | undefined;
  readonly over?: StoredEnvelopes | undefined;
  /** The signal of the call: checked before each step that uses a store or a key service. */
  readonly signal?: AbortSignal | undefined;
}

/** How to open the envelopes of a document that will be written. */
export interface OpeningParts extends WriteParts {
  /** @default the document's own DEKs */
  readonly dekOf?: DekSource | undefined;
}

/** The place of a sealed document, and the document that it replaces. */
interface SealingParts {
  readonly place: DocumentPlace;
  readonly token: ShredToken;
  readonly over?: StoredEnvelopes | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Returns the envelope of a document that must be sealed again, if any. */
type MarkIn = (plan: WritePlan) => SealedSlot | undefined;

export interface WrittenDocument {
  readonly document: Record<string, unknown>;
  /** The values that were sealed now; envelopes that were part of the document are not among them. */
  readonly sealed: readonly PlainSlot[];
  /** Absent where nothing had to be sealed. */
  readonly sealing: SealingDek | undefined;
  /** The token of the document's scope when the call began; absent where the document holds no envelope. */
  readonly token: ShredToken | undefined;
}

export class DocumentWriter {
  readonly #deks: DekServices;
  readonly #enabled: boolean;
  readonly #isRefused: LookAlikeRule | undefined;
  readonly #seen: SeenPaths;

  /** @param isRefused - Which look-alikes are refused: by default, any of the document's own scope. */
  constructor(deks: DekServices, enabled: boolean, isRefused?: LookAlikeRule) {
    this.#deks = deks;
    this.#enabled = enabled;
    this.#isRefused = isRefused;
    this.#seen = seenPathsOf(deks);
  }

  /**
   * Returns a copy with every plain declared field sealed; envelopes of the document stay. No promise where
   * the DEK is in memory: a promise costs as much as a short field.
   */
  write(
    definition: AnyDefinition,
    document: object,
    signal?: AbortSignal,
    begun?: WriteParts['begun'],
  ): Promise<WrittenDocument> | WrittenDocument {
    signal?.throwIfAborted();
    const written = this.#write(definition, document, () => undefined, { signal, begun });
    return written instanceof Promise ? untilAborted(written, signal) : written;
  }

  /**
   * The same, distinguishable from every other write: where nothing is plain, the shortest envelope is sealed
   * again. The content alone is not sufficient, since another writer may have made the same change.
   */
  writeMarked(
    definition: AnyDefinition,
    document: object,
    parts: WriteParts,
  ): Promise<WrittenDocument> | WrittenDocument {
    const markIn: MarkIn = ({ plain, carried }) =>
      plain.length === 0 ? shortest(carried) : undefined;
    return this.#write(definition, document, markIn, parts);
  }

  #write(
    definition: AnyDefinition,
    document: object,
    markIn: MarkIn,
    parts: WriteParts,
  ): Promise<WrittenDocument> | WrittenDocument {
    const draft = draftToWrite(document, definition);
    const place = placeOf(definition, this.#deks.context.product, draft.document);
    const { over, signal } = parts;
    const token = parts.token ?? parts.begun?.get(place.scope.scopeId) ?? this.#tokenOf(place);
    const where = { place, token, over, signal };
    return draft.former.length > 0
      ? this.#writeFormer(definition, draft, where, markIn)
      : this.#writeDraft(definition, draft, where, markIn);
  }

  async #writeFormer(
    definition: AnyDefinition,
    draft: DocumentDraft,
    where: SealingParts,
    markIn: MarkIn,
  ): Promise<WrittenDocument> {
    const opened = await this.#openFormer(draft, where.place, { from: where });
    return this.#writeDraft(definition, draftToWrite(opened, definition), where, markIn);
  }

  #writeDraft(
    definition: AnyDefinition,
    draft: DocumentDraft,
    where: SealingParts,
    markIn: MarkIn,
  ): Promise<WrittenDocument> | WrittenDocument {
    if (this.#enabled) requireNothingFormer(draft);
    const plan = planWrite(draft, where.place, this.#isRefused);
    this.#seen.look(definition, draft.document);
    if (plan.carried.length === 0) return this.#sealed(draft.document, where, plan.plain);
    return this.#writeCarried(draft.document, where, plan, markIn(plan));
  }

  async #writeCarried(
    document: Record<string, unknown>,
    where: SealingParts,
    plan: WritePlan,
    mark: SealedSlot | undefined,
  ): Promise<WrittenDocument> {
    const { place, token } = where;
    const plain = [...plan.plain];
    for (const each of plan.carried) {
      const { slot, envelope } = each;
      if (slot.field.stage === 'opening') {
        await this.#storeInClear(each, place, where);
        continue;
      }
      const open = (dek: Dek): Plaintext =>
        fieldCipher(dek, place).reopen(slot.field, envelope).encoded;
      const encoded = await this.#openOwn(each, open, where);
      // The envelope that was checked, not the object that was passed in, whose getters could return other
      // values.
      slot.fill(envelope);
      if (each === mark) plain.push({ slot, encoded });
    }
    return { ...(await this.#sealed(document, where, plain)), token };
  }

  /**
   * The same with every field sealed again: for a document that gets another DEK, and for one that is not
   * stored yet, since no etag shows what happened to the DEKs of its envelopes.
   */
  async writeAnew(
    definition: AnyDefinition,
    document: object,
    from: OpeningParts = {},
  ): Promise<WrittenDocument> {
    let draft = draftToWrite(document, definition);
    const place = placeOf(definition, this.#deks.context.product, draft.document);
    if (draft.former.length > 0) {
      const opened = await this.#openFormer(draft, place, { from, movesAll: true });
      draft = draftToWrite(opened, definition);
    }
    if (this.#enabled) requireNothingFormer(draft);
    const { plain, carried } = planWrite(draft, place, this.#isRefused);
    const { token = this.#tokenOf(place), over, signal } = from;
    const opened: PlainSlot[] = [];
    for (const each of carried) {
      const { slot } = each;
      const reopen = (dek: Dek): Plaintext => reopenToMove(dek, place, each).encoded;
      if (slot.field.stage === 'opening') await this.#storeInClear(each, place, from);
      else opened.push({ slot, encoded: await this.#openOwn(each, reopen, from) });
    }
    const where = { place, token, over, signal };
    return this.#sealed(draft.document, where, [...plain, ...opened]);
  }

  /**
   * Returns the document with the envelopes at former paths opened where declared paths have taken their
   * place; others stay, once they have opened here.
   *
   * @throws FieldEncryptionError `DEFINITION_MISMATCH` for one that would stay, with `movesAll`.
   */
  async #openFormer(
    draft: DocumentDraft,
    place: DocumentPlace,
    { from, movesAll = false }: { readonly from: OpeningParts; readonly movesAll?: boolean },
  ): Promise<object> {
    requireNoUndeclared(draft, place, this.#isRefused);
    const { formerPaths } = draft.shape;
    for (const each of planFormer(draft, place)) {
      const { slot, envelope } = each;
      const { field } = slot;
      const isReplaced = formerPaths.isReplaced(field);
      if (movesAll && !isReplaced) throw notMoved(field.path, envelope.dekId);
      const reopen = (dek: Dek): unknown => reopenToMove(dek, place, each).value;
      const value = await this.#openOwn(each, reopen, from);
      slot.fill(isReplaced ? value : envelope);
    }
    return draft.document;
  }

  async #storeInClear(each: SealedSlot, place: DocumentPlace, from: OpeningParts): Promise<void> {
    const reopen = (dek: Dek): unknown => reopenToMove(dek, place, each).value;
    const { slot } = each;
    slot.fill(inClear(await this.#openOwn(each, reopen, from), slot.field.path));
  }

  /**
   * Returns a stored document with some of its envelopes sealed again; `undefined` if it has none of them.
   */
  async sealAgain(
    definition: AnyDefinition,
    stored: object,
    plaintexts: ReadonlyMap<string | undefined, Plaintext>,
    parts: WriteParts,
  ): Promise<WrittenDocument | undefined> {
    const draft = draftToWrite(stored, definition);
    const place = placeOf(definition, this.#deks.context.product, draft.document);
    requireNoUndeclared(draft, place, this.#isRefused);
    const plain = draft.slots.flatMap((slot) => {
      const encoded = plaintexts.get(ciphertextIn(slot.value));
      return encoded ? [{ slot, encoded }] : [];
    });
    if (plain.length === 0) return undefined;
    const { token = this.#tokenOf(place), over, signal } = parts;
    return this.#sealed(draft.document, { place, token, over, signal }, plain);
  }

  #sealed(
    document: Record<string, unknown>,
    parts: SealingParts,
    plain: readonly PlainSlot[],
  ): Promise<WrittenDocument> | WrittenDocument {
    if (!this.#enabled || plain.length === 0) {
      return { document, sealed: [], sealing: undefined, token: undefined };
    }
    const sealing = this.#dekAtHand(parts);
    return sealing
      ? sealed(document, parts, plain, sealing)
      : this.#sealedCold(document, parts, plain);
  }

  async #sealedCold(
    document: Record<string, unknown>,
    parts: SealingParts,
    plain: readonly PlainSlot[],
  ): Promise<WrittenDocument> {
    return sealed(document, parts, plain, await this.#sealingDek(parts));
  }

  #dekAtHand({ place: { scope }, token, over, signal }: SealingParts): SealingDek | undefined {
    const { sealing: deks } = this.#deks;
    signal?.throwIfAborted();
    token.throwIfShredded();
    const named = over?.highest();
    return named && !deks.hasReached(scope, named) ? undefined : deks.ready(scope);
  }

  /** Above every generation that the replaced document names. */
  async #sealingDek(parts: SealingParts): Promise<SealingDek> {
    const { sealing: deks } = this.#deks;
    const { scope } = parts.place;
    const { token, over, signal } = parts;
    const named = over?.highest();
    if (over && named && !deks.hasReached(scope, named)) {
      const highest = (mostCredible: number): string | undefined => over.highest(mostCredible);
      await deks.outgrow(scope, token, { named: highest, signal });
      token.throwIfShredded();
    }
    return deks.ready(scope) ?? deks.prepare(scope, token);
  }

  /** @throws FieldEncryptionError `ENVELOPE_REFUSED` for an envelope that does not open in its place. */
  async #openOwn<T>(
    { slot, envelope }: SealedSlot,
    open: (dek: Dek) => T,
    { dekOf = (dekId) => this.#ownDek(dekId), over, signal }: OpeningParts,
  ): Promise<T> {
    signal?.throwIfAborted();
    const dek = await dekOf(envelope.dekId);
    try {
      return open(dek);
    } catch (error) {
      if (!hasCode(error, 'TAMPERED')) throw error;
      // A mistake of the caller must not look like tampering in monitoring; stored data may have been
      // tampered with.
      throw refusedEnvelope(slot.field.path, over?.holds(envelope) ? error : undefined);
    }
  }

  #tokenOf({ scope }: DocumentPlace): ShredToken {
    return this.#deks.tokens.of(scope.scopeId);
  }

  async #ownDek(dekId: string): Promise<Dek> {
    const { context, loader } = this.#deks;
    return context.dekCache.get(dekId) ?? loader.load(dekId);
  }
}

function sealed(
  document: Record<string, unknown>,
  { place, token }: SealingParts,
  plain: readonly PlainSlot[],
  sealing: SealingDek,
): WrittenDocument {
  const cipher = fieldCipher(sealing.dek, place);
  for (const { slot, encoded } of plain) {
    slot.fill(cipher.seal(slot.field, encoded, sealing.mekVersion));
  }
  return { document, sealed: plain, sealing, token };
}

function shortest(carried: readonly SealedSlot[]): SealedSlot | undefined {
  const staysSealed = carried.filter(({ slot }) => slot.field.stage !== 'opening');
  return staysSealed.reduce<SealedSlot | undefined>(
    (found, each) => (found && found.envelope.ct.length <= each.envelope.ct.length ? found : each),
    undefined,
  );
}
