/** Asks before a mode writes. @module */
import type { DekStore } from '@bytelyst/field-encrypt';
import type { OpenCollection } from '../config/open-product.js';
import { plural } from './inspecting/findings.js';
import type { ModeContext, Question } from './mode.js';

/**
 * Nothing is asked, and nothing is read for the question, in a dry run and with `--yes`.
 *
 * @throws UsageError where there is no terminal to ask on; Interruption where the answer is no.
 */
export async function askBefore(
  { flags, confirm }: ModeContext,
  question: () => Promise<Question>,
): Promise<void> {
  if (flags['dry-run'] || flags.yes) return;
  await confirm(await question());
}

/** How many rows a question is about: `1,204 DEK rows of notelett`. */
export async function rowsText(
  { product, dekStore }: { readonly product: string; readonly dekStore: DekStore },
  { signal }: Pick<ModeContext, 'signal'>,
): Promise<string> {
  const rows = await dekStore.count({ product }, { signal });
  return `${plural(rows, 'DEK row')} of ${product}`;
}

/** How many documents a question is about: `30 documents of notes and 1 document of pages`. */
export async function documentsText(
  collections: readonly OpenCollection[],
  { signal }: Pick<ModeContext, 'signal'>,
): Promise<string> {
  const texts: string[] = [];
  for (const { name, documentStore } of collections) {
    texts.push(`${plural(await documentStore.count({ signal }), 'document')} of ${name}`);
  }
  return listText(texts);
}

export function listText(texts: readonly string[]): string {
  const last = texts.at(-1) ?? '';
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} and ${last}`;
}
