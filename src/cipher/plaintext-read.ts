/** Plaintext where an envelope is expected: where it is, and who is told. @module */
import type { DocumentPlace } from '../document/document-place.js';
import { plaintextReadChannel as channel } from '../diagnostics/diagnostics-channels.js';
import type { DocumentDraft } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { looksLikeEnvelope } from '../format/envelope.js';

/** A declared field that was read as plaintext and passed through; never its value. */
export interface PlaintextRead {
  readonly collection: string;
  /** As declared: `tags[]` for each element; the container's where that is not of the declared shape. */
  readonly path: string;
  /** Key properties of the document by name. */
  readonly key: Readonly<Record<string, string>>;
}

/** What it returns is looked at only to see to a promise. */
export type PlaintextListener = (read: PlaintextRead) => unknown;

/** The declared path of each value that a reader would pass through, one entry for each of them. */
export function plaintextPaths({ misshapen, slots }: DocumentDraft): readonly string[] {
  const containers = misshapen.filter(({ value }) => !looksLikeEnvelope(value));
  const fields = slots.filter(({ value }) => value !== undefined && !looksLikeEnvelope(value));
  return [...containers.map(({ path }) => path), ...fields.map(({ field }) => field.path)];
}

/** Whether finding out where the plaintext is would be of use to anybody. */
export function isPlaintextHeard(listener: PlaintextListener | undefined): boolean {
  return listener !== undefined || channel.hasSubscribers;
}

export function tellOfPlaintext(
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
  for (const path of paths) tell(listener, { collection, path, key });
}

/** The document was read, and whoever asked for it has no part in what the listener does with this. */
function tell(listener: PlaintextListener, read: PlaintextRead): void {
  try {
    const answer = listener(read);
    // A rejection that nobody handles would end the process, and every read with it.
    if (answer instanceof Promise) answer.catch(() => undefined);
  } catch {
    // As above: a log that cannot be written must not make stored documents unreadable.
  }
}
