/** Opens sample documents of a collection as the application does. @module */
import type { Clock, DecryptOutcome, FieldEncryptor } from '@bytelyst/field-encrypt';
import { isFieldEncryptionError } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../../command-line/exit-codes.js';
import type { OpenCollection } from '../../config/open-product.js';
import { exitCodeOf } from '../../driving/exit-code-of.js';
import type { Finding } from '../../report/mode-report.js';
import { reportedErrorSchema } from '../../report/reported-error.js';
import type { ModeContext } from '../mode.js';
import { commandOn, errorText, plural } from './findings.js';

const count = z.number().int().min(0);

export const sampleSchema = z.strictObject({
  collection: z.string(),
  /** Documents of the collection. */
  scanned: count,
  sampled: count,
  opened: count,
  failed: count,
  /** The first ten. */
  failures: z.array(
    z.strictObject({
      /** With --document-keys. */
      key: z.record(z.string(), z.string()).optional(),
      error: reportedErrorSchema,
    }),
  ),
});

export interface Sample {
  readonly collection: string;
  readonly scanned: number;
  readonly sampled: number;
  readonly opened: number;
  readonly failed: number;
  readonly failures: readonly {
    readonly key: Readonly<Record<string, string>>;
    readonly error: unknown;
  }[];
}

const MOST_FAILURES = 10;
const AT_ONCE = 100;
/** A deletion shreds the DEK first, and then removes the document. */
const LOOKS_AT_SHREDDED = 4;
const BETWEEN_LOOKS_MS = 500;

/** Reads the whole collection, and keeps documents from all of it: each with the same probability. */
async function chosenDocuments(
  { documentStore }: OpenCollection,
  size: number,
  { clock, signal }: Pick<ModeContext, 'clock' | 'signal'>,
): Promise<{ readonly documents: readonly object[]; readonly scanned: number }> {
  const documents: object[] = [];
  let scanned = 0;
  let continuation: string | undefined;
  do {
    const page = await documentStore.list({ signal, ...(continuation && { continuation }) });
    for (const { document } of page.items) {
      scanned += 1;
      const place = scanned <= size ? scanned - 1 : placeIn(scanned, clock);
      if (place < size) documents[place] = document;
    }
    ({ continuation } = page);
  } while (continuation !== undefined);
  return { documents, scanned };
}

function placeIn(count_: number, { jitter }: Pick<Clock, 'jitter'>): number {
  return Math.floor(jitter() * count_);
}

/** @throws An error of a key service or a store that cannot be reached: it says nothing about a document. */
export async function openSample(
  context: Pick<ModeContext, 'clock' | 'signal'>,
  encryptor: FieldEncryptor,
  collection: OpenCollection,
  size: number,
): Promise<Sample> {
  const { documents, scanned } = await chosenDocuments(collection, size, context);
  const failures: Sample['failures'][number][] = [];
  let [opened, failed] = [0, 0];
  for (let from = 0; from < documents.length; from += AT_ONCE) {
    const part = documents.slice(from, from + AT_ONCE);
    const outcomes = await openAll(context, encryptor, collection, part);
    for (const [index, first] of outcomes.entries()) {
      const key = keyOf(collection, part[index]);
      const isFinal = first.ok || !hasWholeKey(collection, part[index]);
      const outcome = isFinal ? first : await openNewest(context, encryptor, collection, key);
      if (!outcome) continue;
      if (outcome.ok) opened += 1;
      else {
        requireReached(outcome.error);
        failed += 1;
        if (failures.length < MOST_FAILURES) failures.push({ key, error: outcome.error });
      }
    }
  }
  const { name } = collection;
  return { collection: name, scanned, sampled: opened + failed, opened, failed, failures };
}

/**
 * Of a document that did not open as it was listed: the application may have changed it since.
 *
 * @returns `undefined` where it was deleted.
 */
async function openNewest(
  context: Pick<ModeContext, 'clock' | 'signal'>,
  encryptor: FieldEncryptor,
  collection: OpenCollection,
  key: Readonly<Record<string, string>>,
): Promise<DecryptOutcome<object> | undefined> {
  const { clock, signal } = context;
  for (let look = 1; ; look += 1) {
    const found = await collection.documentStore.get(key, { signal });
    if (!found) return undefined;
    const [outcome] = await openAll(context, encryptor, collection, [found.document]);
    const isShredded = outcome?.ok === false && hasShreddedDek(outcome.error);
    if (!isShredded || look === LOOKS_AT_SHREDDED) return outcome;
    await clock.sleep(BETWEEN_LOOKS_MS, signal);
  }
}

/** Without it, the document cannot be read again, and is not to be taken for a deleted one. */
function hasWholeKey({ definition }: OpenCollection, document: object | undefined): boolean {
  const properties = document as Readonly<Record<string, unknown>> | undefined;
  return definition.key.every((name) => {
    const part = properties?.[name];
    return typeof part === 'string' && part !== '';
  });
}

function hasShreddedDek(error: unknown): boolean {
  return isFieldEncryptionError(error) && error.code === 'DEK_SHREDDED';
}

function openAll(
  { signal }: Pick<ModeContext, 'signal'>,
  encryptor: FieldEncryptor,
  { definition }: OpenCollection,
  documents: readonly object[],
): Promise<readonly DecryptOutcome<object>[]> {
  // The types of documents are those of the application.
  return encryptor.decryptDocuments(definition as never, documents, { signal });
}

function requireReached(error: unknown): void {
  if (exitCodeOf(error, false) === EXIT.unreachable) throw error;
}

function keyOf(
  { definition }: OpenCollection,
  document: object | undefined,
): Readonly<Record<string, string>> {
  const properties = document as Readonly<Record<string, unknown>> | undefined;
  return Object.fromEntries(definition.key.map((name) => [name, String(properties?.[name])]));
}

export function sampleFinding(context: Pick<ModeContext, 'raw'>, sample: Sample): Finding {
  const { collection, scanned, sampled, failed, failures } = sample;
  const check = 'sample';
  const what = `${plural(sampled, 'sample document')} of ${scanned.toLocaleString('en-US')} of "${collection}"`;
  if (failed === 0) return { level: 'ok', check, message: `${what}: all open` };
  const [first] = failures;
  const message = `${what}: ${failed.toLocaleString('en-US')} do not open, the first with ${errorText(first?.error)}`;
  const isPlaintext =
    isFieldEncryptionError(first?.error) && first.error.code === 'PLAINTEXT_REFUSED';
  const command = isPlaintext
    ? commandOn(context, 'encrypt', { collection: [collection] })
    : commandOn(context, 'doctor', { collection: [collection] });
  return { level: 'fail', check, message, command };
}
