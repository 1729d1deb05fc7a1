/** What is still stored in clear in each collection. @module */
import { countPlaintext, type PlaintextCount } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import type { View } from '../../report/view.js';
import type { ModeContext } from '../mode.js';
import { commandOn, errorText, orUnread, plural } from './findings.js';

const count = z.number().int().min(0);

export const plaintextSchema = z.strictObject({
  collection: z.string(),
  /** With at least one declared field in clear. */
  documents: count,
  fields: count,
  scanned: count,
  /** Paths on their way in or out of encryption. */
  paths: z
    .array(
      z.strictObject({
        path: z.string(),
        stage: z.enum(['sealed', 'sealing', 'opening', 'former']),
        plain: count,
        sealed: count,
      }),
    )
    .optional(),
});

export interface CollectionCount extends PlaintextCount {
  readonly collection: string;
}

export interface CountedCollections {
  readonly counts: readonly CollectionCount[];
  /** What is left to do, and which collections could not be read. */
  readonly findings: readonly Finding[];
}

/** A collection that cannot be read is a finding, and not the end. */
export async function countCollections(
  context: ModeContext,
  product: OpenProduct,
  names: readonly string[],
): Promise<CountedCollections> {
  const counts: CollectionCount[] = [];
  const findings: Finding[] = [];
  if (product.collections.length === 0) findings.push(noCollections());
  for (const collection of names) {
    const look = async (): Promise<readonly Finding[]> => {
      const { definition, documentStore } = await product.collection(collection);
      const found = await countPlaintext(definition, documentStore, { signal: context.signal });
      counts.push({ collection, ...found });
      return findingsOf(context, { collection, ...found });
    };
    findings.push(...(await orUnread(context, look, (error) => unread(collection, error))));
  }
  return { counts, findings };
}

export function plaintextView(counts: readonly CollectionCount[]): View | undefined {
  if (counts.length === 0) return undefined;
  return {
    title: 'Plaintext left',
    rows: counts.map(({ collection, scanned, documents, fields }) => ({
      collection,
      documents: scanned,
      'with plaintext': documents,
      'values in clear': fields,
    })),
  };
}

function noCollections(): Finding {
  return {
    level: 'unseen',
    check: 'plaintext',
    message: 'The configuration has no collections of this product: documents are not checked',
    action: 'Add "collections" to the product, each with its definition and its document store.',
  };
}

export function unread(collection: string, error: unknown): Finding {
  return {
    level: 'unseen',
    check: 'plaintext',
    message: `The documents of "${collection}" cannot be read: ${errorText(error)}`,
    action: 'Run this where the document store can be reached, with the right to read it.',
  };
}

function findingsOf(context: ModeContext, count_: CollectionCount): readonly Finding[] {
  const { collection, documents, fields, paths = [] } = count_;
  const found: Finding[] = [];
  const encrypt = commandOn(context, 'encrypt', { collection: [collection] });
  const finding = (message: string, command: string): void => {
    found.push({ level: 'warn', check: 'plaintext', message, command });
  };
  if (documents > 0) {
    const what = `${plural(documents, 'document')} of "${collection}"`;
    finding(`${what} with plaintext: ${plural(fields, 'value')} in clear`, encrypt);
  }
  for (const { path, stage, sealed, plain } of paths) {
    const place = `"${path}" of "${collection}"`;
    if (stage === 'opening' && sealed > 0) {
      const command = commandOn(context, 'encrypt', { collection: [collection], stage: 'opening' });
      finding(
        `${plural(sealed, 'value')} still sealed at ${place}, which is in stage opening`,
        command,
      );
    }
    if (stage === 'former' && sealed > 0) {
      finding(`${plural(sealed, 'value')} still sealed at the former path ${place}`, encrypt);
    }
    if (stage === 'former' && plain > 0) {
      found.push({
        level: 'warn',
        check: 'plaintext',
        message: `${plural(plain, 'document')} in clear at the former path ${place}`,
        action: 'Add an "upgrade" function to the collection that moves or removes the value.',
        command: encrypt,
      });
    }
  }
  return found;
}
