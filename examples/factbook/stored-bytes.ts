import { createHash } from 'node:crypto';

/** A digest of each stored note, by its key. */
export type StoredBytes = ReadonlyMap<string, string>;

/** A write changes the etag, whether it changes the text or not. */
export function storedDigest(etag: string, text: string): string {
  return createHash('sha256').update(etag).update('\n').update(text).digest('base64');
}

/** Notes that are gone count as changed; new ones do not count. */
export function countChanged(before: StoredBytes, after: StoredBytes): number {
  return [...before].filter(([key, digest]) => after.get(key) !== digest).length;
}
