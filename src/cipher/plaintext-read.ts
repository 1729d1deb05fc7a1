/** Plaintext where an envelope is expected: its place, and its report to listeners. @module */
import type { DocumentDraft } from '../document/document-draft.js';
import type { DocumentPlace } from '../format/key-scope.js';
import { plaintextReadChannel as channel } from '../diagnostics/diagnostics-channels.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { looksLikeEnvelope } from '../format/key-scope.js';

/** A declared field that was read as plaintext and passed through; never its value. */
export interface PlaintextRead {
  readonly collection: string;
  /**
   * The declared path: `tags[]` for each element; the container's path where that does not have the declared
   * shape.
   */
  readonly path: string;
  /** The key properties of the document by name. */
  readonly key: Readonly<Record<string, string>>;
}

/** Its result is ignored, except that a rejected promise is handled. */
export type PlaintextListener = (read: PlaintextRead) => unknown;

/** The declared path of each value that a reader would pass through, one entry for each value. */
export function plaintextPaths({ misshapen, slots }: DocumentDraft): readonly string[] {
  const containers = misshapen.filter(({ value }) => !looksLikeEnvelope(value));
  const fields = slots.filter(({ value }) => value !== undefined && !looksLikeEnvelope(value));
  return [...containers.map(({ path }) => path), ...fields.map(({ field }) => field.path)];
}

/** Whether the places of plaintext are reported at all. */
export function reportsPlaintext(listener: PlaintextListener | undefined): boolean {
  return listener !== undefined || channel.hasSubscribers;
}

export function reportPlaintext(
  listener: PlaintextListener | undefined,
  { collection, key: names }: AnyDefinition,
  { product, keyParts }: DocumentPlace,
  paths: readonly string[],
): void {
  for (const path of paths) {
    if (channel.hasSubscribers) channel.publish({ product, collection, path });
  }
  if (!listener) return;
  const key = Object.fromEntries(names.map((name, index) => [name, keyParts[index] as string]));
  for (const path of paths) notify(listener, { collection, path, key });
}

/** The document was read: failures of the listener must not affect the caller. */
function notify(listener: PlaintextListener, read: PlaintextRead): void {
  try {
    const answer = listener(read);
    // An unhandled rejection would end the process, and every read with it.
    if (answer instanceof Promise) answer.catch(() => undefined);
  } catch {
    // As above: a log that cannot be written must not make stored documents unreadable.
  }
}
