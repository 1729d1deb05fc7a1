/** What was found in a collection, each with what to do. @module */
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import { commandOn, errorText, plural } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import type { SearchedCollection } from './collection-search.js';

export function collectionFindings(
  context: ModeContext,
  product: OpenProduct,
  found: SearchedCollection,
): readonly Finding[] {
  return [
    ...strayFindings(context, found),
    ...missingFindings(context, product, found),
    ...orphanFindings(found),
    ...uncheckedFindings(found),
  ];
}

function strayFindings(
  context: ModeContext,
  { collection, strays }: SearchedCollection,
): readonly Finding[] {
  const { documents, envelopes, examples } = strays;
  if (envelopes === 0) return [];
  const paths = [...new Set(examples.flatMap((each) => each.paths))].join(', ');
  return [
    {
      level: 'fail',
      check: 'stray-envelopes',
      message: `${plural(envelopes, 'envelope')} in ${plural(documents, 'document')} of "${collection}" where the definition has no path: ${paths}`,
      action:
        'Add each path that an earlier definition sealed to "former", and bring the documents to the present one; remove others from the documents.',
      command: commandOn(context, 'encrypt', { collection: [collection] }),
    },
  ];
}

function missingFindings(
  context: ModeContext,
  { copies }: OpenProduct,
  { collection, missing }: SearchedCollection,
): readonly Finding[] {
  const { examples } = missing;
  const idsOf = (reason: 'absent' | 'shredded'): readonly string[] => [
    ...new Set(examples.filter((each) => each.reason === reason).map(({ dekId }) => dekId)),
  ];
  const [absent, shredded] = [idsOf('absent'), idsOf('shredded')];
  const check = 'missing-deks';
  const of = `that documents of "${collection}" name`;
  const found: Finding[] = [];
  if (absent.length > 0) {
    found.push({
      level: 'fail',
      check,
      message: `${plural(missing.absent, 'DEK')} ${of} without a row: ${absent.join(', ')}`,
      action: 'Bring them back from a restored copy of the DEK store:',
      command: commandOn(context, 'import-rows', {
        from: copies[0] ?? 'COPY',
        'dek-id': absent,
        'dry-run': true,
      }),
    });
  }
  if (shredded.length > 0) {
    found.push({
      level: 'warn',
      check,
      message: `${plural(missing.shredded, 'DEK')} ${of}, shredded on purpose: ${shredded.join(', ')}`,
      action: 'Delete these documents: nothing can open what they have sealed.',
    });
  }
  return found;
}

function orphanFindings({ collection, orphans }: SearchedCollection): readonly Finding[] {
  const { deks, examples } = orphans;
  if (deks === 0) return [];
  const ids = examples.map(({ dekId }) => dekId).join(', ');
  return [
    {
      level: 'warn',
      check: 'orphan-deks',
      message: `${plural(deks, 'DEK')} of deleted documents of "${collection}": ${ids}`,
      action:
        'Call shred of the application for each key, where no document will be written under it again (keys: --document-keys --json).',
    },
  ];
}

function uncheckedFindings({ collection, unchecked }: SearchedCollection): readonly Finding[] {
  const { items, examples } = unchecked;
  const [first] = examples;
  if (items === 0 || !first) return [];
  return [
    {
      level: 'fail',
      check: 'documents',
      message: `${plural(items, 'document')} of "${collection}" cannot be checked, the first because of ${errorText(first.error)}`,
      action:
        'Restore the documents from a backup, or correct them (keys: --document-keys --json).',
    },
  ];
}
