/** Reports of reads that passed something through: plaintext, or envelopes of another definition. @module */
import type { Channel } from 'node:diagnostics_channel';
import type { DocumentDraft, DocumentPlace } from '../document/document-draft.js';
import {
  definitionMismatchChannel,
  plaintextReadChannel,
} from '../diagnostics/diagnostics-channels.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import type { FailedOpenListener } from './failed-open.js';
import { isOfFormerForm } from './former-fields.js';

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

/** An envelope of the document that another definition sealed, and that was passed through as it is. */
export interface DefinitionMismatch {
  readonly collection: string;
  /** The place in the form of a declared path; that of the declared field where it is inside its value. */
  readonly path: string;
  /** The key properties of the document by name. */
  readonly key: Readonly<Record<string, string>>;
}

/** Its result is ignored, except that a rejected promise is handled. */
type ReadListener<Read> = (read: Read) => unknown;

export interface ReadListeners {
  readonly onPlaintextRead?: ReadListener<PlaintextRead> | undefined;
  readonly onDefinitionMismatch?: ReadListener<DefinitionMismatch> | undefined;
  /** Not an option of the application: for the audit trail. */
  readonly onFailedOpen?: FailedOpenListener | undefined;
}

/** The declared path of each value that a reader would pass through, one entry for each value. */
export function plaintextPaths({ misshapen, slots, shape }: DocumentDraft): readonly string[] {
  const { formerPaths } = shape;
  const containers = misshapen.filter(
    ({ value, stage }) => stage !== 'opening' && !looksLikeEnvelope(value),
  );
  const fields = slots.filter(
    ({ value, field: { path, stage } }) =>
      value !== undefined &&
      stage !== 'opening' &&
      !looksLikeEnvelope(value) &&
      !(formerPaths.root && isOfFormerForm(value, formerPaths.below(path))),
  );
  return [...containers.map(({ path }) => path), ...fields.map(({ field }) => field.path)];
}

interface ReportedReads {
  readonly definition: AnyDefinition;
  readonly place: DocumentPlace;
  /** One for each value. */
  readonly paths: readonly string[];
}

class ReadReports<Read extends PlaintextRead> {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Whether the places are reported at all. */
  isReported(listener: ReadListener<Read> | undefined): boolean {
    return listener !== undefined || this.#channel.hasSubscribers;
  }

  report(
    listener: ReadListener<Read> | undefined,
    { definition: { collection, key: names }, place, paths }: ReportedReads,
  ): void {
    const { product, keyParts } = place;
    for (const path of paths) {
      if (this.#channel.hasSubscribers) this.#channel.publish({ product, collection, path });
    }
    if (!listener) return;
    const key = Object.fromEntries(names.map((name, index) => [name, keyParts[index] as string]));
    for (const path of paths) notify(listener, { collection, path, key } as Read);
  }
}

export const plaintextReads: ReadReports<PlaintextRead> = new ReadReports(plaintextReadChannel);
export const definitionMismatches: ReadReports<DefinitionMismatch> = new ReadReports(
  definitionMismatchChannel,
);

/** The document was read: failures of the listener must not affect the caller. */
function notify<Read>(listener: ReadListener<Read>, read: Read): void {
  try {
    const answer = listener(read);
    // An unhandled rejection would end the process, and every read with it.
    if (answer instanceof Promise) answer.catch(() => undefined);
  } catch {
    // As above: a log that cannot be written must not make stored documents unreadable.
  }
}
