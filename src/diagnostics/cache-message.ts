/** What is told of the DEKs in memory. @module */
import { channel } from 'node:diagnostics_channel';
import { diagnosticsChannels } from './diagnostics-channels.js';

/**
 * A DEK was asked for, or left the cache. Of what was asked for, the hit ratio is
 * `hit / (hit + miss + joined)`.
 *
 * - `hit`: it was in memory, and cost nothing. So is one that was just made.
 * - `miss`: it was not, and a load began: mostly one read of the store, and one unwrap.
 * - `joined`: it was not, and the load that somebody else had begun is waited for.
 * - `evicted`: it was dropped, see `reason`.
 *
 * Where a load that was joined took longer than the cache's `ttlMs`, the DEK is loaded again and told
 * of again.
 */
export type CacheMessage =
  | { readonly type: 'hit' | 'joined' | 'miss'; readonly dekId: string }
  | {
      readonly type: 'evicted';
      readonly dekId: string;
      /**
       * `expired`: after `ttlMs`; `full`: for another DEK, with `maxEntries` held; `invalidated`: it
       * was shredded, retired or revoked, or the cache was cleared.
       */
      readonly reason: 'expired' | 'full' | 'invalidated';
    };

export type EvictionReason = Extract<CacheMessage, { readonly type: 'evicted' }>['reason'];

const cache = channel(diagnosticsChannels.cache);

export function tellOfDek(type: 'hit' | 'joined' | 'miss', dekId: string): void {
  if (cache.hasSubscribers) cache.publish({ type, dekId } satisfies CacheMessage);
}

export function tellOfEviction(dekId: string, reason: EvictionReason): void {
  if (cache.hasSubscribers)
    cache.publish({ type: 'evicted', dekId, reason } satisfies CacheMessage);
}
