/** Etags that no other process makes. @module */
import { randomUUID } from 'node:crypto';

/** Not out of Node's cache, which every process that starts from one V8 snapshot would share. */
export function newEtag(): string {
  return randomUUID({ disableEntropyCache: true });
}
