/** Whether documents name DEKs that are older than a moment. @module */
import type { DekStore } from '@bytelyst/field-encrypt';
import type { OpenCollection } from '../config/open-product.js';
import type { ModeContext } from './mode.js';

/** So that the DEKs of a page are few enough for one request. */
const PAGE_SIZE = 100;

interface OlderThan {
  readonly dekStore: DekStore;
  /** In UTC. */
  readonly instant: string;
}

/**
 * By the times that the rows claim: enough to spare a collection whose DEKs are all young, and no proof. It ends
 * with the first one.
 */
export async function namesOlderDek(
  { signal }: ModeContext,
  { documentStore }: OpenCollection,
  { dekStore, instant }: OlderThan,
): Promise<boolean> {
  let continuation: string | undefined;
  do {
    const page = await documentStore.list({ pageSize: PAGE_SIZE, continuation, signal });
    const dekIds = new Set(page.items.flatMap(({ document }) => dekIdsIn(document)));
    if (dekIds.size > 0 && (await hasOlder([...dekIds], { dekStore, instant }, signal)))
      return true;
    ({ continuation } = page);
  } while (continuation !== undefined);
  return false;
}

/** Also where a row is not there: the run says what is wrong. */
async function hasOlder(
  dekIds: readonly string[],
  { dekStore, instant }: OlderThan,
  signal: AbortSignal,
): Promise<boolean> {
  const rows = await dekStore.getMany(dekIds, { signal });
  return (
    rows.size < dekIds.length || [...rows.values()].some(({ value }) => isOlder(value, instant))
  );
}

/** Also where the row has no time that can be read. */
function isOlder(row: unknown, instant: string): boolean {
  const { createdAt } = (row ?? {}) as { readonly createdAt?: unknown };
  return typeof createdAt !== 'string' || createdAt < instant;
}

function dekIdsIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!Object.hasOwn(value, '_enc')) return Object.values(value).flatMap(dekIdsIn);
  const { dekId } = value as { readonly dekId?: unknown };
  return typeof dekId === 'string' && DEK_ID.test(dekId) ? [dekId] : [];
}

const DEK_ID = /^[0-9a-f]{32}\.[1-9][0-9]{0,15}$/;
