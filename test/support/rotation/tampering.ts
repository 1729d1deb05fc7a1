import { equal } from 'node:assert/strict';
import type { DekRow, LiveDekRow } from '../../../src/adapters.js';
import type { Envelope } from '../../../src/index.js';
import { decryptAny, type Loose } from '../encryptor.js';
import { describeError } from '../failure.js';
import { ALL_MEKS } from './meks.js';
import { storeFrom } from './seeds.js';
import type { Snapshot } from './snapshot.js';
import { readerOver, type Watch } from './watch.js';

/** I14: whatever rotations have done to the rows, a changed row or envelope is detected. */
export async function requireTamperingFound({ snapshot, documents }: Watch): Promise<void> {
  const live = [...snapshot.rows.values()]
    .map(({ row }) => row)
    .filter((row): row is LiveDekRow => row.state !== 'shredded');
  const [victim, other] = live;
  const stored = documents.all.find(({ dekId }) => dekId === victim?.id)?.text;
  if (!victim || !other || stored === undefined) return;
  const cases: readonly (readonly [DekRow, Loose])[] = [
    [{ ...victim, wrappedDek: other.wrappedDek }, JSON.parse(stored) as Loose],
    [{ ...victim, commitment: other.commitment }, JSON.parse(stored) as Loose],
    [inPlaceOf(victim, other), JSON.parse(stored) as Loose],
    [victim, withOtherField(JSON.parse(stored) as Loose)],
  ];
  for (const [row, document] of cases) {
    const rows = new Map(snapshot.rows).set(victim.id, { row, etag: '' });
    equal(await codeOf(rows, document), 'TAMPERED', 'I14: tampering was not found');
  }
}

/** A row copied under another id, with everything adapted that is not authenticated. */
export function inPlaceOf(
  { id, scopeId, scope, generation }: DekRow,
  other: LiveDekRow,
): LiveDekRow {
  return { ...other, id, scopeId, scope, generation };
}

async function codeOf(rows: Snapshot['rows'], document: Loose): Promise<string | undefined> {
  const memory = await storeFrom({ rows, record: undefined, etags: '' });
  try {
    await decryptAny(readerOver(memory, ALL_MEKS), document);
    return 'opened';
  } catch (error) {
    return describeError(error).code;
  }
}

/** An envelope of another field of the same document. */
function withOtherField(document: Loose): Loose {
  const tags = document['tags'] as readonly Envelope[];
  return { ...document, body: tags[0] };
}
