/** Opens documents of a collection, as many as are asked for, spread over all of it. @module */
import { type FieldEncryptor, isFieldEncryptionError } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenCollection } from '../config/open-product.js';
import type { ModeContext } from './mode.js';

const PAGE_SIZE = 1_000;

const count = z.number().int().min(0);

export const samplesSchema = z.strictObject({
  collection: z.string(),
  /** Documents with sealed fields, all of which opened. */
  opened: count,
  /** Documents in which nothing is sealed. */
  plaintext: count,
  /** Documents whose DEK is not in the store. */
  withoutDek: count,
  /** Documents that did not open for another reason. */
  failed: count,
});

export type Samples = z.output<typeof samplesSchema>;

type Outcome = Exclude<keyof Samples, 'collection'>;

/** @throws What the stores throw where they cannot list, and the signal's reason. */
export async function openSamples(
  context: ModeContext,
  encryptor: FieldEncryptor,
  { name, definition, documentStore }: OpenCollection,
): Promise<Samples> {
  const { flags, signal } = context;
  const samples = { collection: name, opened: 0, plaintext: 0, withoutDek: 0, failed: 0 };
  for await (const document of spread(documentStore, flags.sample ?? DEFAULT_SAMPLE, signal)) {
    const outcome = await open(context, encryptor, { definition, document });
    samples[outcome] += 1;
  }
  return samples;
}

const DEFAULT_SAMPLE = 20;

type Document = Readonly<Record<string, unknown>>;

/** The whole collection is listed: a store has no other way to the documents in its middle. */
async function* spread(
  store: OpenCollection['documentStore'],
  most: number,
  signal: AbortSignal,
): AsyncGenerator<Document, void, void> {
  if (most === 0) return;
  const total = await store.count({ signal });
  let [seen, taken] = [0, 0];
  let continuation: string | undefined;
  do {
    const page = await store.list({ pageSize: PAGE_SIZE, continuation, signal });
    for (const { document } of page.items) {
      if (taken < most && seen >= Math.floor((taken * total) / most)) {
        taken += 1;
        yield document;
      }
      seen += 1;
    }
    ({ continuation } = page);
  } while (continuation !== undefined && taken < most);
}

interface Sample {
  readonly definition: OpenCollection['definition'];
  readonly document: Document;
}

async function open(
  { signal, output, documentKeys }: ModeContext,
  encryptor: FieldEncryptor,
  { definition, document }: Sample,
): Promise<Outcome> {
  if (!hasEnvelope(document)) return 'plaintext';
  try {
    await encryptor.decryptDocument(definition, document, { signal });
    return 'opened';
  } catch (error) {
    if (signal.aborted) throw error;
    const key = Object.fromEntries(definition.key.map((name) => [name, document[name]]));
    const who = documentKeys ? JSON.stringify(key) : 'a sample document (its key: --document-keys)';
    output.failure(who, error);
    const hasNoDek = isFieldEncryptionError(error) && error.code === 'DEK_NOT_FOUND';
    return hasNoDek ? 'withoutDek' : 'failed';
  }
}

function hasEnvelope(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '_enc') || Object.values(value).some(hasEnvelope);
}
