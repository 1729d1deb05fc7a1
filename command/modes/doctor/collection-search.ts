/** Searches a collection for what the library cannot read, or would not have written. @module */
import {
  findMissingDeks,
  findOrphanDeks,
  findStrayEnvelopes,
  type SearchOptions,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenCollection, OpenProduct, SearchContext } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import { reportedErrorSchema } from '../../report/reported-error.js';
import { orUnread } from '../inspecting/findings.js';
import { unread } from '../inspecting/plaintext.js';
import type { ModeContext } from '../mode.js';
import { defined } from '../run-flags.js';
import { collectionFindings } from './collection-findings.js';
import { Examples, searched } from './examples.js';

const count = z.number().int().min(0);
/** With --document-keys. */
const key = z.record(z.string(), z.string()).optional();
const texts = z.array(z.string());

export const collectionSchema = z.strictObject({
  collection: z.string(),
  /** Documents. */
  scanned: count,
  /** Envelopes of a document's own DEKs where the definition has no path. */
  strays: z.strictObject({
    documents: count,
    envelopes: count,
    examples: z.array(z.strictObject({ key, paths: texts, dekIds: texts })),
  }),
  /** DEKs that documents name, and that have no live row. */
  missing: z.strictObject({
    documents: count,
    /** There is no row. */
    absent: count,
    /** Permanently deleted, on purpose. */
    shredded: count,
    /** The first ten of each. */
    examples: z.array(
      z.strictObject({
        key,
        dekId: z.string(),
        paths: texts,
        reason: z.enum(['absent', 'shredded']),
      }),
    ),
  }),
  /** DEKs whose document is deleted. */
  orphans: z.strictObject({
    deks: count,
    examples: z.array(z.strictObject({ key, dekId: z.string(), createdAt: z.iso.datetime() })),
  }),
  /** Documents and rows that could not be checked. */
  unchecked: z.strictObject({
    items: count,
    examples: z.array(
      z.strictObject({ key, dekId: z.string().optional(), error: reportedErrorSchema }),
    ),
  }),
});

type Key = Readonly<Record<string, string>>;

export interface StrayExample {
  readonly key: Key;
  readonly paths: readonly string[];
  readonly dekIds: readonly string[];
}

export interface MissingExample {
  readonly key: Key;
  readonly dekId: string;
  readonly paths: readonly string[];
  readonly reason: 'absent' | 'shredded';
}

export interface OrphanExample {
  readonly key: Key;
  readonly dekId: string;
  readonly createdAt: string;
}

export interface UncheckedExample {
  readonly key?: Key;
  readonly dekId?: string;
  readonly error: unknown;
}

export interface SearchedCollection {
  readonly collection: string;
  readonly scanned: number;
  readonly strays: {
    readonly documents: number;
    readonly envelopes: number;
    readonly examples: readonly StrayExample[];
  };
  readonly missing: {
    readonly documents: number;
    readonly absent: number;
    readonly shredded: number;
    readonly examples: readonly MissingExample[];
  };
  readonly orphans: { readonly deks: number; readonly examples: readonly OrphanExample[] };
  readonly unchecked: { readonly items: number; readonly examples: readonly UncheckedExample[] };
}

export interface SearchedCollections {
  readonly collections: readonly SearchedCollection[];
  readonly findings: readonly Finding[];
}

/** A collection that cannot be read is a line, and not the end. */
export async function searchCollections(
  context: ModeContext,
  product: OpenProduct,
  names: readonly string[],
): Promise<SearchedCollections> {
  const collections: SearchedCollection[] = [];
  const findings: Finding[] = [];
  for (const name of names) {
    const look = async (): Promise<readonly Finding[]> => {
      const found = await searchCollection(context, product, name);
      collections.push(found);
      return collectionFindings(context, product, found);
    };
    const asFinding = (error: unknown): Finding => ({ ...unread(name, error), check: 'documents' });
    findings.push(...(await orUnread(context, look, asFinding)));
  }
  return { collections, findings };
}

interface Searching {
  readonly search: SearchContext;
  readonly opened: OpenCollection;
  readonly options: SearchOptions;
  /** Of documents that could not be checked, by any search. */
  readonly unchecked: Examples<UncheckedExample>;
}

async function searchCollection(
  { signal, flags }: ModeContext,
  product: OpenProduct,
  name: string,
): Promise<SearchedCollection> {
  const unchecked = new Examples<UncheckedExample>();
  const searching = {
    opened: await product.collection(name),
    search: await product.search(),
    options: { signal, allowEmpty: true, ...defined({ concurrency: flags.concurrency }) },
    unchecked,
  };
  const { failed: withoutStrays, ...strays } = await straysIn(searching);
  const { failed, scanned, ...missing } = await missingIn(searching);
  const orphans = await orphansOf(searching);
  const items = Math.max(withoutStrays, failed);
  return {
    collection: name,
    scanned,
    strays,
    missing,
    orphans,
    unchecked: { items, examples: unchecked.list },
  };
}

type Failed = { readonly failed: number };

async function straysIn({
  search,
  opened: { definition, documentStore },
  options,
  unchecked,
}: Searching): Promise<SearchedCollection['strays'] & Failed> {
  const examples = new Examples<StrayExample>();
  const events = findStrayEnvelopes(search, definition, documentStore, options);
  const { affected, strays, failed } = await searched(events, (event) => {
    if (event.type === 'failed') unchecked.add({ key: event.key, error: event.error });
    if (event.type !== 'stray') return;
    const paths = [...new Set(event.envelopes.map(({ path }) => path))];
    const dekIds = [...new Set(event.envelopes.map(({ dekId }) => dekId))];
    examples.add({ key: event.key, paths, dekIds });
  });
  return { documents: affected, envelopes: strays, examples: examples.list, failed };
}

type Missing = SearchedCollection['missing'] & Failed & { readonly scanned: number };

async function missingIn({
  search,
  opened: { definition, documentStore },
  options,
  unchecked,
}: Searching): Promise<Missing> {
  const counts = { absent: 0, shredded: 0 };
  const [absent, shredded] = [new Examples<MissingExample>(), new Examples<MissingExample>()];
  const examples = { absent, shredded };
  const events = findMissingDeks(search, definition, documentStore, options);
  const { affected, failed, scanned } = await searched(events, (event) => {
    if (event.type === 'failed') unchecked.add({ key: event.key, error: event.error });
    if (event.type !== 'missing') return;
    const { key: of, dekId, paths, reason } = event;
    counts[reason] += 1;
    examples[reason].add({ key: of, dekId, paths, reason });
  });
  const all = [...absent.list, ...shredded.list];
  return { documents: affected, ...counts, examples: all, failed, scanned };
}

async function orphansOf({
  search,
  opened: { definition, documentStore },
  options,
}: Searching): Promise<SearchedCollection['orphans']> {
  const examples = new Examples<OrphanExample>();
  const events = findOrphanDeks(search, definition, documentStore, options);
  const { orphans } = await searched(events, (event) => {
    if (event.type !== 'orphan') return;
    const { key: of, dekId, createdAt } = event;
    examples.add({ key: of, dekId, createdAt });
  });
  return { deks: orphans, examples: examples.list };
}
