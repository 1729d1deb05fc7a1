/** Searches a collection for what the library cannot read, or would not have written. @module */
import { findMissingDeks, findOrphanDeks, findStrayEnvelopes } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../../config/open-product.js';
import { type Finding, reportedErrorSchema } from '../../report/mode-report.js';
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
    try {
      const found = await searchCollection(context, product, name);
      collections.push(found);
      findings.push(...collectionFindings(context, product, found));
    } catch (error) {
      context.signal.throwIfAborted();
      findings.push({ ...unread(name, error), check: 'documents' });
    }
  }
  return { collections, findings };
}

async function searchCollection(
  { signal, flags }: ModeContext,
  product: OpenProduct,
  name: string,
): Promise<SearchedCollection> {
  const { definition, documentStore } = await product.collection(name);
  const search = await product.search();
  const options = { signal, allowEmpty: true, ...defined({ concurrency: flags.concurrency }) };
  const strays = new Examples<StrayExample>();
  const missing = { absent: 0, shredded: 0 };
  const lostDeks = {
    absent: new Examples<MissingExample>(),
    shredded: new Examples<MissingExample>(),
  };
  const orphans = new Examples<OrphanExample>();
  const unchecked = new Examples<UncheckedExample>();
  const stray = await searched(
    findStrayEnvelopes(search, definition, documentStore, options),
    (event) => {
      if (event.type === 'failed') unchecked.add({ key: event.key, error: event.error });
      if (event.type !== 'stray') return;
      const paths = [...new Set(event.envelopes.map(({ path }) => path))];
      const dekIds = [...new Set(event.envelopes.map(({ dekId }) => dekId))];
      strays.add({ key: event.key, paths, dekIds });
    },
  );
  const lost = await searched(
    findMissingDeks(search, definition, documentStore, options),
    (event) => {
      if (event.type === 'failed') unchecked.add({ key: event.key, error: event.error });
      if (event.type !== 'missing') return;
      const { key: of, dekId, paths, reason } = event;
      missing[reason] += 1;
      lostDeks[reason].add({ key: of, dekId, paths, reason });
    },
  );
  const left = await searched(
    findOrphanDeks(search, definition, documentStore, options),
    (event) => {
      if (event.type !== 'orphan') return;
      const { key: of, dekId, createdAt } = event;
      orphans.add({ key: of, dekId, createdAt });
    },
  );
  return {
    collection: name,
    scanned: lost.scanned,
    strays: { documents: stray.affected, envelopes: stray.strays, examples: strays.list },
    missing: {
      documents: lost.affected,
      ...missing,
      examples: [...lostDeks.absent.list, ...lostDeks.shredded.list],
    },
    orphans: { deks: left.orphans, examples: orphans.list },
    unchecked: { items: Math.max(stray.failed, lost.failed), examples: unchecked.list },
  };
}
