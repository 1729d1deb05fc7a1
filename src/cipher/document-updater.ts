/** Changes a stored document, beside other writers. @module */
import { placeOf } from '../document/document-draft.js';
import { untilAborted } from '../async/abort.js';
import type { DekServices } from '../dek/dek-services.js';
import type { ShredToken } from '../dek/dek.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { brokenContract, FieldEncryptionError, hasCode } from '../errors/errors.js';
import { isPlainObject, requirePlainObject, refuseToJson } from '../guards/guards.js';
import { backOff, tryWrite } from '../store/compare-and-set.js';
import {
  type DocumentStore,
  type StoredDocumentItem,
  refuseReservedFields,
  refuseReservedProperties,
} from '../store/document-store.js';
import { takeTurn, type DocumentTurn } from './document-turns.js';
import { DocumentWrite } from './document-write.js';
import type { DocumentWriter } from './document-writer.js';
import type { DekSource } from './write-plan.js';
import { StoredEnvelopes } from './own-envelopes.js';

type Loose = Record<string, unknown>;
type LooseItem = StoredDocumentItem<Loose>;

/** A stored document as a change receives it. */
export interface ChangeView {
  readonly document: Loose | undefined;
  /** Returns the document to seal, given the changed one; `undefined` where nothing has to be written. */
  readonly toSeal: (changed: object) => object | undefined;
}

export interface DocumentUpdate {
  readonly definition: AnyDefinition;
  readonly store: Pick<DocumentStore<Loose>, 'create' | 'get' | 'replace' | 'reservedProperties'>;
  readonly key: Readonly<Record<string, string>>;
  /** The item that was just read, in place of a first read. */
  readonly from?: LooseItem;
  /** Receives the stored document; its result is sealed and written, `undefined` changes nothing. */
  readonly change: (stored: Loose | undefined) => object | Promise<object | undefined> | undefined;
  /** Where given, what `change` receives and returns is another form of the document. */
  readonly view?: (stored: Loose | undefined) => ChangeView | Promise<ChangeView>;
  /** Where given, every envelope is opened with it, and sealed again. */
  readonly resealFrom?: DekSource;
  readonly signal: AbortSignal | undefined;
  /** How many attempts to make, with increasing pauses. @default 24 */
  readonly attempts?: number | undefined;
  /**
   * The shred token of the document's scope, where the work on it began earlier. @default taken at the call
   */
  readonly token?: ShredToken;
}

/** An update in progress. */
interface Updating extends DocumentUpdate {
  readonly token: ShredToken;
}

/** With the pauses, enough for about fifty other writers that change the same document all the time. */
const DEFAULT_ATTEMPTS = 24;

export class DocumentUpdater {
  readonly #services: DekServices;
  readonly #writer: DocumentWriter;

  constructor(services: DekServices, writer: DocumentWriter) {
    this.#services = services;
    this.#writer = writer;
  }

  /** Reads, changes, seals and writes; starts again from the read when another writer was faster. */
  async update(update: DocumentUpdate): Promise<LooseItem | undefined> {
    const { definition, key, store, signal } = update;
    refuseReservedFields(store, definition);
    const { product, clock } = this.#services.context;
    const { identity, scope } = placeOf(definition, product, key);
    // Taken before the wait for a turn: the call has begun.
    const { token = this.#services.tokens.of(scope.scopeId) } = update;
    const turn = await takeTurn(store, identity, { clock, signal });
    try {
      return await this.#updateInTurn({ ...update, token }, turn);
    } finally {
      turn.end();
    }
  }

  async #updateInTurn(update: Updating, turn: DocumentTurn): Promise<LooseItem | undefined> {
    const { from, change, attempts = DEFAULT_ATTEMPTS } = update;
    let stored = from === undefined ? await lookUp(update) : checkedItem(from);
    for (let attempt = 1; ; attempt += 1) {
      update.signal?.throwIfAborted();
      const shown = await this.#tryView(update, stored);
      if (shown) {
        const changed = await turn.during(() => change(shown.document));
        const toSeal = changed && shown.toSeal(changed);
        if (toSeal === undefined) return stored;
        const write = await this.#trySeal(update, toSeal, stored);
        const written = write && (await writeOver(update, write, stored?.etag));
        if (written) return this.#untilItStands(update, write, written);
      }
      if (attempt === attempts) throw contended('Updating the document', attempts);
      await backOff(this.#services.context.clock, attempt, update.signal);
      stored = await lookUp(update);
    }
  }

  /** `undefined` when another writer has written a new version, as below. */
  async #tryView(update: Updating, stored: LooseItem | undefined): Promise<ChangeView | undefined> {
    const { view } = update;
    if (!view) return { document: stored?.document, toSeal: (changed) => changed };
    return this.#unlessOvertaken(update, stored, async () => view(stored?.document));
  }

  #trySeal(
    update: Updating,
    changed: object,
    stored: LooseItem | undefined,
  ): Promise<DocumentWrite | undefined> {
    return this.#unlessOvertaken(update, stored, () =>
      this.#seal(update, changed, stored?.document),
    );
  }

  /**
   * `undefined` when the document named a DEK that is gone since, and another writer has written a new
   * version.
   */
  async #unlessOvertaken<T>(
    update: Updating,
    stored: LooseItem | undefined,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await untilAborted(work(), update.signal);
    } catch (error) {
      // A scope that this process shredded is not written again by an earlier call.
      if (update.token.isShredded || !hasCode(error, 'DEK_SHREDDED')) throw error;
      if ((await lookUp(update))?.etag === stored?.etag) throw error;
      return undefined;
    }
  }

  async #seal(
    { definition, store, key, resealFrom, token, signal }: Updating,
    changed: object,
    stored: Loose | undefined,
  ): Promise<DocumentWrite> {
    requirePlainObject('document', changed);
    refuseToJson([changed]);
    const { product } = this.#services.context;
    // Read once: the compared values are the sealed ones.
    const document = { ...changed };
    if (!stored) refuseReservedProperties(store, document);
    if (
      placeOf(definition, product, document).identity !== placeOf(definition, product, key).identity
    ) {
      throw new RangeError('"change" returned a document with other key parts than were requested');
    }
    const parts = { definition, services: this.#services, writer: this.#writer };
    const over = stored && StoredEnvelopes.of(definition, product, stored);
    const sealing =
      !over || resealFrom
        ? this.#writer.writeAnew(definition, document, { dekOf: resealFrom, token, over, signal })
        : this.#writer.writeMarked(definition, document, { token, over, signal });
    return new DocumentWrite(parts, await sealing);
  }

  /** The change is already made: from here on only its envelopes may have to be sealed again. */
  async #untilItStands(
    update: DocumentUpdate,
    write: DocumentWrite,
    written: LooseItem,
  ): Promise<LooseItem | undefined> {
    const { attempts = DEFAULT_ATTEMPTS, signal } = update;
    let [landed, item] = [write, written];
    for (let attempt = 1; ; attempt += 1) {
      if (await landed.confirm()) return item;
      if (attempt > attempts) throw contended('Sealing the document again', attempts);
      const stored = await lookUp(update);
      const again =
        stored && (await untilAborted(landed.sealAgainOver(stored.document, signal), signal));
      if (!again) return stored;
      const replaced = await writeOver(update, again, stored.etag);
      if (replaced) [landed, item] = [again, replaced];
      else await backOff(this.#services.context.clock, attempt, update.signal);
    }
  }
}

/** Nothing is wrong, and a later call may succeed. */
export function contended(what: string, attempts: number): FieldEncryptionError {
  const tries = attempts === 1 ? '1 attempt' : `${String(attempts)} attempts`;
  return new FieldEncryptionError(
    'CONTENDED',
    `${what} did not succeed in ${tries}: another write came first each time; try again, or raise "attempts"`,
    { retryable: true },
  );
}

/** `undefined` when another writer wrote first. */
async function writeOver(
  update: DocumentUpdate,
  write: DocumentWrite,
  etag: string | undefined,
): Promise<LooseItem | undefined> {
  const { store, signal } = update;
  signal?.throwIfAborted();
  const send = (): Promise<LooseItem> =>
    etag === undefined
      ? store.create(write.document, { signal })
      : store.replace(write.document, etag, { signal });
  return tryWrite(send, async () => {
    const stored = await lookUp(update);
    return stored && write.hasLandedIn(stored.document) ? stored : undefined;
  });
}

type LookUp = Pick<DocumentUpdate, 'key' | 'signal'> & {
  readonly store: Pick<DocumentStore<Loose>, 'get'>;
};

export async function lookUp({ store, key, signal }: LookUp): Promise<LooseItem | undefined> {
  const answer: unknown = await untilAborted(store.get(key, { signal }), signal);
  return answer === undefined ? undefined : checkedItem(answer);
}

/** Without an etag, a document would count as one that is not stored yet, and be created again. */
export function checkedItem(answer: unknown): LooseItem {
  const { document, etag } = (answer ?? {}) as Partial<LooseItem>;
  if (isPlainObject(document) && typeof etag === 'string' && etag !== '')
    return answer as LooseItem;
  throw brokenContract('document store', 'D2', 'get returned an unexpected value');
}
