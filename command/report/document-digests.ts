/** Shows that documents stayed as they were, by digests of some of them before and after. @module */
import { createHash } from 'node:crypto';
import type { Clock } from '@bytelyst/field-encrypt';
import type { OpenCollection, OpenProduct } from '../config/open-product.js';
import type { DocumentDigest } from './evidence-schema.js';
import type { Finding } from './mode-report.js';

const MOST_SAMPLED = 20;
/** A collection may be large: the sample is of the documents that its store lists first. */
const MOST_LISTED = 1_000;
const PAGE_SIZE = 100;
const CHECK = 'document-digests';

type Digest = DocumentDigest['before'];

interface Sampled {
  readonly key: Readonly<Record<string, string>>;
  readonly before: Digest;
}

interface Sample {
  readonly collection: OpenCollection;
  readonly documents: readonly Sampled[];
}

export interface Unseen {
  readonly what: string;
  readonly why: string;
}

export interface Compared {
  readonly digests: readonly DocumentDigest[];
  readonly findings: readonly Finding[];
}

interface Reading {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly documentKeys: boolean;
  /** What an error is reported as. */
  readonly why: (error: unknown) => string;
}

/** Rotations read no documents: a store that cannot be read ends none of them. */
export class DocumentDigests {
  readonly unseen: Unseen[] = [];
  readonly #reading: Reading;
  readonly #samples: Sample[] = [];

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  async before(product: OpenProduct): Promise<void> {
    for (const name of product.collections) {
      try {
        const collection = await product.collection(name);
        this.#samples.push({ collection, documents: await this.#sampleOf(collection) });
      } catch (error) {
        this.#lost(name, error);
      }
    }
  }

  async after(): Promise<Compared> {
    const digests: DocumentDigest[] = [];
    const findings: Finding[] = [];
    for (const sample of this.#samples) {
      const { name } = sample.collection;
      try {
        const compared = await this.#compared(sample);
        digests.push(...compared);
        if (compared.length > 0) findings.push(findingOf(name, compared));
      } catch (error) {
        this.#lost(name, error);
      }
    }
    for (const { what, why } of this.unseen) {
      findings.push({ level: 'unseen', check: CHECK, message: `${what} cannot be read: ${why}` });
    }
    return { digests, findings };
  }

  #lost(name: string, error: unknown): void {
    this.unseen.push({ what: `The documents of "${name}"`, why: this.#reading.why(error) });
  }

  /** Each of the listed documents with the same probability. */
  async #sampleOf({ definition, documentStore }: OpenCollection): Promise<readonly Sampled[]> {
    const { clock, signal } = this.#reading;
    const chosen: Sampled[] = [];
    let listed = 0;
    let continuation: string | undefined;
    do {
      const page = await documentStore.list({
        pageSize: PAGE_SIZE,
        signal,
        ...(continuation !== undefined && { continuation }),
      });
      for (const item of page.items) {
        listed += 1;
        const place = listed <= MOST_SAMPLED ? listed - 1 : Math.floor(clock.jitter() * listed);
        if (place < MOST_SAMPLED) {
          const key = keyOf(definition.key, item.document);
          chosen[place] = { key, before: digestOf(item) };
        }
      }
      ({ continuation } = page);
    } while (continuation !== undefined && listed < MOST_LISTED);
    return chosen;
  }

  async #compared({ collection, documents }: Sample): Promise<readonly DocumentDigest[]> {
    const { signal, documentKeys } = this.#reading;
    const compared: DocumentDigest[] = [];
    for (const { key, before } of documents) {
      const item = await collection.documentStore.get(key, { signal });
      const after = item && digestOf(item);
      compared.push({
        collection: collection.name,
        ...(documentKeys && { key }),
        state: stateOf(before, after),
        before,
        ...(after && { after }),
      });
    }
    return compared;
  }
}

function stateOf(before: Digest, after: Digest | undefined): DocumentDigest['state'] {
  if (!after) return 'deletedMeanwhile';
  if (after.etag !== before.etag) return 'changedMeanwhile';
  return after.sha256 === before.sha256 ? 'same' : 'different';
}

function findingOf(name: string, digests: readonly DocumentDigest[]): Finding {
  const count = (state: DocumentDigest['state']): number =>
    digests.filter((each) => each.state === state).length;
  const [same, different] = [count('same'), count('different')];
  const changed = count('changedMeanwhile') + count('deletedMeanwhile');
  const others = changed > 0 ? `; the application changed ${String(changed)} others meanwhile` : '';
  if (different === 0) {
    const message = `${String(same)} sample documents of "${name}" are the same, byte for byte${others}`;
    return { level: 'ok', check: CHECK, message };
  }
  return {
    level: 'fail',
    check: CHECK,
    message: `${String(different)} of ${String(digests.length)} sample documents of "${name}" have other bytes under the same etag`,
    action:
      'Something wrote to the documents past their store: find out what, before anything else',
  };
}

/** Of a document that a store returned. */
function digestOf({
  document,
  etag,
}: {
  readonly document: object;
  readonly etag: string;
}): Digest {
  return { sha256: createHash('sha256').update(canonicalJson(document)).digest('hex'), etag };
}

/** JSON with sorted names, as RFC 8785 says: a store may return names in another order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const properties = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${canonicalJson(each)}`);
  return `{${properties.join(',')}}`;
}

function keyOf(names: readonly string[], document: object): Readonly<Record<string, string>> {
  const properties = document as Readonly<Record<string, unknown>>;
  return Object.fromEntries(names.map((name) => [name, String(properties[name])]));
}
