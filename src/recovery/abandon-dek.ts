/** Gives up one DEK that nothing can open any more. @module */
import { placeOf } from '../document/document-draft.js';
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import type { AnyDefinition, DocumentKey } from '../document/typed-document.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { MekReference } from '../format/dek-row.js';
import { isDekId, type KeyScope, scopeIdIn } from '../format/key-scope.js';
import {
  readEncryption,
  readOptions,
  requireFunction,
  requireIdentifier,
  requirePlainObject,
} from '../guards/guards.js';
import { requireMekVersion } from '../provider/named-mek.js';
import { requireDefinition } from '../run/required-parts.js';
import { freshRecord } from '../run/rotation-record.js';
import { auditedCall } from '../run/audited-call.js';
import {
  type EncryptionContext,
  readRunOptions,
  runContext,
  runParts,
} from '../run/run-context.js';
import type { FenceEvent } from '../run/run-event.js';
import { uncheckedStore } from '../store/authenticate-records.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import {
  type DamageExam,
  type DekDamage,
  examineRow,
  type ExaminedRow,
  refused,
} from './dek-damage.js';
import { readPrivateRecoveryKey } from './private-recovery-key.js';
import { deleteRow, isCredible, replaceByTombstone } from './row-removal.js';
import { StoredRow } from './stored-row.js';

export interface AbandonDekOptions<D extends AnyDefinition = AnyDefinition> extends CallOptions {
  /** The `digest` of an earlier call without it: writes. */
  readonly confirm?: string;
  /**
   * A MEK version that was destroyed for good: wraps under it count as not openable where its provider does
   * not know it, or is not configured. All three names are needed.
   */
  readonly lostMek?: MekReference;
  /** Together with `key`: the document of the DEK, where the row itself does not name it any more. */
  readonly definition?: D;
  readonly key?: DocumentKey<D>;
  /** The private recovery key, PEM: needed where the row has a recovery wrap, to show that it does not open. */
  readonly privateKey?: string;
  /** The passphrase of an encrypted private key. */
  readonly passphrase?: string;
  /** Called at least once per second while writers may still use an earlier rotation record. */
  readonly onWait?: (event: FenceEvent) => void;
}

export interface AbandonedDek {
  readonly product: string;
  readonly dekId: string;
  /**
   * `'altered'`: not a row that this library can have written. `'false-mac'`: changed, by its mac under a
   * known record key. `'commitment-mismatch'`: its MEK answered, and the wrap does not hold the DEK.
   * `'lost-mek'`: its MEK is `lostMek`.
   */
  readonly damage: DekDamage;
  /** True where an altered row has a wrap that opens: repair the row by hand. Absent where that is unknown. */
  readonly wrapOpens?: boolean;
  /** The parts of the scope, for a document its collection and its key parts; absent where unknown. */
  readonly scope?: readonly string[];
  /** The row as it was stored, as JSON text: keep it. It holds the wrapped DEK. */
  readonly stored: string;
  /** The SHA-256 of `stored`, 64 hex digits: pass it as `confirm`. */
  readonly digest: string;
  /** What is in the place of the row afterwards. */
  readonly leaves: 'nothing' | 'tombstone';
  /** False without `confirm`: nothing was written. */
  readonly abandoned: boolean;
  /** Request units; absent where the store reported none. */
  readonly requestCharge?: number;
}

/**
 * Gives up one DEK whose row is damaged beyond repair, and which blocks `prunePreviousWraps` and
 * `assertRetirable` until then. What it sealed can never be read again.
 *
 * The first call examines the row and writes nothing: it returns the stored row and its `digest`. A second
 * call with `confirm: digest` examines it again, and replaces exactly that row by a tombstone. Before it,
 * look for a copy of the row in every backup: a damaged row that is deleted by hand comes back by
 * `importDekRows`.
 *
 * It is refused unless the row is conclusively damaged in two reads, the second one after `readLagMs`:
 * altered, with a false mac under a known record key, or with a wrap that its MEK did not make or that does
 * not match the commitment; and unless neither the previous wrap nor the recovery wrap opens. It is refused
 * while a vault cannot be reached or throttles, for a MEK version that is disabled, unknown or not configured
 * here, and for a row of a later version of this library. Only a MEK version that was destroyed for good is
 * named, as `lostMek`.
 *
 * A tombstone needs the scope of the DEK. Where the row does not name it any more, pass `definition` and
 * `key`. Without them the `generationFloor` of the rotation record is raised above the row's generation, so
 * that its id is never used again; after a whole fence the row is deleted. `findMissingDeks` then lists the
 * documents that name the DEK.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @throws TypeError or RangeError for invalid options, and where `definition` and `key` are of another scope.
 * @throws FieldEncryptionError `ABANDON_REFUSED`: the message says why, and what to do instead;
 *   `DEK_NOT_FOUND`: there is no such row; `ROTATION_RECORD_MISSING`: restore the record first. Errors of the
 *   store; the signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { abandonDek, createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const dekStore = new MemoryDekStore();
 * const keyProviders = [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })];
 * const writer = createFieldEncryptor({ product: 'notelett', keyProviders, dekStore });
 * const { dekId } = (await writer.encryptDocument(note, { id: '1', body: 'Hi' })).body;
 * const item = await dekStore.get(dekId);
 * await dekStore.replace({ ...item?.value as object, epoch: -1 } as never, item?.etag ?? ''); // damage
 *
 * const encryptor = createFieldEncryptor({ product: 'notelett', keyProviders, dekStore });
 * const { damage, scope, stored, digest } = await abandonDek(encryptor, dekId);
 * console.log(damage, scope, stored.length > 0); // altered [ 'notes', '1' ] true
 * const { abandoned } = await abandonDek(encryptor, dekId, { confirm: digest });
 * console.log(abandoned); // true
 * ```
 */
export async function abandonDek<D extends AnyDefinition = AnyDefinition>(
  encryption: EncryptionContext,
  dekId: string,
  options: AbandonDekOptions<D> = {},
): Promise<AbandonedDek> {
  if (!isDekId(dekId)) throw new TypeError('"dekId" expected a dekId, got another value');
  const parts = runParts(encryption);
  const request = readAbandonOptions(options, parts.product, dekId);
  const { signal } = request;
  const context = runContext(parts, readRunOptions({ signal }).request);
  const { dekStore } = readEncryption(encryption);
  const work = (): Promise<AbandonedDek> => abandon({ context, dekStore, dekId, ...request });
  const call = { ...context, name: 'abandonDek', facts: { dekId } };
  return unlessAborted(signal, () =>
    request.confirm === undefined ? work() : auditedCall(call, work),
  );
}

interface AbandonRequest extends Pick<DamageExam, 'lostMek' | 'recoveryKey' | 'scope'> {
  readonly confirm: string | undefined;
  readonly onWait: AbandonDekOptions['onWait'];
  readonly signal: AbortSignal | undefined;
}

async function abandon(request: AbandonRequest & DamageExam): Promise<AbandonedDek> {
  const { context, dekId, confirm, signal } = request;
  const { product, dekCache, charge } = context;
  const { record } = await freshRecord(context);
  const { stored, ...examined } = await examineTwice(request);
  const { text = '', digest } = stored;
  const scope = stored.scopeOf(dekId, product) ?? request.scope;
  // A tombstone of a generation that is not credible would block as its row did.
  const tombstoneScope = isCredible(dekId, record) ? scope : undefined;
  const found = {
    product,
    dekId,
    ...examined,
    ...(scope && { scope: scope.parts }),
    stored: text,
    digest,
    leaves: tombstoneScope ? 'tombstone' : 'nothing',
  } as const;
  if (confirm === undefined) return charge.inSummary<AbandonedDek>({ ...found, abandoned: false });
  if (confirm !== digest) {
    throw refused(
      request,
      '"confirm" is the digest of another row: call without it, and look again',
    );
  }
  signal?.throwIfAborted();
  if (tombstoneScope) await replaceByTombstone(request, stored, tombstoneScope);
  else await deleteRow(request, stored);
  dekCache?.invalidate(dekId);
  return charge.inSummary<AbandonedDek>({ ...found, abandoned: true });
}

/** The second read shows everything that was written before the first one. */
async function examineTwice(
  exam: DamageExam,
): Promise<ExaminedRow & { readonly stored: StoredRow }> {
  const { context } = exam;
  const { dekStore, clock, signal } = context;
  const first = await readStored(exam);
  await examineRow(exam, first);
  const lagMs = await dekStore.readLagMs({ signal });
  if (lagMs > 0) await clock.sleep(lagMs, signal);
  const stored = await readStored(exam);
  const examined = await examineRow(exam, stored);
  if (stored.item.etag === first.item.etag && stored.digest === first.digest) {
    return { ...examined, stored };
  }
  throw refused(exam, 'its row was written meanwhile: call again');
}

/** Without the check of macs: the damaged row itself is wanted. */
async function readStored(exam: DamageExam): Promise<StoredRow> {
  const { context, dekStore, dekId } = exam;
  const { product, clock, charge, signal } = context;
  signal?.throwIfAborted();
  const source = { product, clock };
  const store: DekStore = new CheckedDekStore(uncheckedStore(dekStore), source, charge);
  const item =
    (await store.getMany([dekId], { signal })).get(dekId) ?? (await store.get(dekId, { signal }));
  if (!item) throw noRow(dekId);
  const stored = new StoredRow(item);
  if (stored.text !== undefined) return stored;
  throw refused(exam, 'the store does not return what is stored: read and delete the item by hand');
}

function noRow(dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEK_NOT_FOUND',
    `DEK ${dekId} is not in the store, so there is nothing to abandon: importDekRows brings a row back from a copy`,
    { dekId },
  );
}

const OPTIONS = [
  'confirm',
  'lostMek',
  'definition',
  'key',
  'privateKey',
  'passphrase',
  'onWait',
] as const;

const DIGEST = /^[0-9a-f]{64}$/;

/** @throws TypeError or RangeError for invalid options. */
function readAbandonOptions<D extends AnyDefinition>(
  options: AbandonDekOptions<D>,
  product: string,
  dekId: string,
): AbandonRequest {
  const own = ownCallOptions(options, OPTIONS);
  const { confirm, onWait, signal, privateKey, passphrase } = own;
  if (confirm !== undefined && !(typeof confirm === 'string' && DIGEST.test(confirm))) {
    throw new TypeError('"confirm" expected the 64 hex digits of a digest, got another value');
  }
  if (onWait !== undefined) requireFunction('onWait', onWait);
  if (privateKey === undefined && passphrase !== undefined) {
    throw new TypeError('"passphrase" without a "privateKey" opens nothing: pass the key too');
  }
  const recoveryKey =
    privateKey === undefined ? undefined : readPrivateRecoveryKey(privateKey, passphrase);
  const lostMek = own.lostMek === undefined ? undefined : readLostMek(own.lostMek);
  const scope = readScope(own, product, dekId);
  return { confirm, onWait, signal, recoveryKey, lostMek, scope };
}

function readLostMek(lostMek: MekReference): MekReference {
  const own = readOptions(lostMek, ['keyProvider', 'mekName', 'mekVersion'], 'lostMek');
  const { keyProvider, mekName, mekVersion } = own;
  requireIdentifier('lostMek.keyProvider', keyProvider);
  requireIdentifier('lostMek.mekName', mekName);
  requireMekVersion('lostMek.mekVersion', mekVersion);
  return { keyProvider, mekName, mekVersion };
}

function readScope<D extends AnyDefinition>(
  { definition, key }: AbandonDekOptions<D>,
  product: string,
  dekId: string,
): KeyScope | undefined {
  if (definition === undefined && key === undefined) return undefined;
  requireDefinition('definition', definition);
  requirePlainObject('key', key);
  const { scope } = placeOf(definition, product, key);
  if (scope.scopeId === scopeIdIn(dekId)) return scope;
  throw new RangeError(
    `"definition" and "key" name the scope ${scope.scopeId}, and DEK ${dekId} is of another one: pass the document that names it`,
  );
}
