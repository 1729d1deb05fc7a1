/** What is reported of a document that could not be opened. @module */
import { failedOpenChannel, type FailedOpenMessage } from '../diagnostics/diagnostics-channels.js';
import { errorCodeOf } from '../diagnostics/traced-call.js';
import type { FailedOpen } from '../audit/failed-opens.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { isFieldEncryptionError } from '../errors/errors.js';
import { isDekId } from '../format/key-scope.js';

/** It must not throw. */
export type FailedOpenListener = (failed: FailedOpen) => void;

interface FailedRead {
  readonly product: string;
  readonly definition: AnyDefinition;
  readonly error: unknown;
  readonly signal: AbortSignal | undefined;
}

export function reportFailedOpen(
  listener: FailedOpenListener | undefined,
  { product, definition, error, signal }: FailedRead,
): void {
  const failed = failedOpen(definition, error, signal);
  if (!failed) return;
  if (failedOpenChannel.hasSubscribers) {
    failedOpenChannel.publish({ product, ...failed } satisfies FailedOpenMessage);
  }
  listener?.(failed);
}

/** `undefined` where the document was not even tried: for a mistake of the caller, and after an abort. */
function failedOpen(
  definition: AnyDefinition,
  error: unknown,
  signal: AbortSignal | undefined,
): FailedOpen | undefined {
  const { collection } = definition;
  const errorCode = errorCodeOf(error, signal);
  if (errorCode === 'ABORTED') return undefined;
  if (!isFieldEncryptionError(error)) {
    const isMisuse = error instanceof TypeError || error instanceof RangeError;
    return isMisuse ? undefined : { collection, errorCode };
  }
  const { dekId, path } = error;
  // Any other path may have names that are data.
  const isDeclared = path !== undefined && isPathOf(definition, path);
  return {
    collection,
    errorCode,
    ...(isDekId(dekId) && { dekId }),
    ...(isDeclared && { path }),
  };
}

function isPathOf({ fields, former }: AnyDefinition, path: string): boolean {
  return fields.includes(path) || former.includes(path);
}
