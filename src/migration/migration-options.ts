/** What a migration of documents is asked to do, checked before anything happens. @module */
import { hostname } from 'node:os';
import { pid } from 'node:process';
import { isPromise } from 'node:util/types';
import type { DocumentReader } from '../cipher/document-reader.js';
import type { DocumentUpdater } from '../cipher/document-updater.js';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import {
  describeType,
  requireFunction,
  requireIdentifier,
  requireIntegerBetween,
} from '../guards/guards.js';
import type { MeteredDocumentStore } from '../run/metered-document-store.js';
import type { RunContext } from '../run/run-context.js';
import { readRunOptions, type RunOptions, type RunRequest } from '../run/run-options.js';
import type { AnyDocument } from '../run/scanned-document.js';

export interface MigrationOptions extends RunOptions {
  /** Only documents, as stored, for which this returns true. @default all */
  readonly select?: (document: Readonly<Record<string, unknown>>) => boolean;
  /** Who runs this, as another run is told. @default host and process */
  readonly owner?: string;
  /**
   * How long nothing may be heard of this run until another may take its lease, 1 000 to 600 000.
   *
   * @default 30 000
   */
  readonly leaseTtlMs?: number;
}

export interface MigrationRequest extends RunRequest {
  readonly select: ((document: AnyDocument) => boolean) | undefined;
  readonly owner: string;
  readonly leaseTtlMs: number;
}

const OPTIONS = ['select', 'owner', 'leaseTtlMs'] as const;
const DEFAULT_LEASE_TTL_MS = 30_000;
export const LEAST_LEASE_TTL_MS = 1_000;
export const MOST_LEASE_TTL_MS = 600_000;

/**
 * @param more - Names of options that only this migration has, and checks itself.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readMigrationOptions<Options extends MigrationOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: MigrationRequest } {
  const { own, request } = readRunOptions(options, [...more, ...OPTIONS]);
  const { select, leaseTtlMs = DEFAULT_LEASE_TTL_MS } = own;
  const { owner = `${hostname()}/${String(pid)}` } = own;
  if (select !== undefined) requireFunction('select', select);
  requireIdentifier('owner', owner);
  requireIntegerBetween('leaseTtlMs', leaseTtlMs, LEAST_LEASE_TTL_MS, MOST_LEASE_TTL_MS);
  return {
    own,
    request: { ...request, select: select && checkedSelect(select), owner, leaseTtlMs },
  };
}

/**
 * Asks once about each version that was read, however often it is looked at: the function may count.
 *
 * @returns A function that throws TypeError for an answer that is no boolean.
 */
function checkedSelect(
  select: (document: AnyDocument) => unknown,
): (document: AnyDocument) => boolean {
  const answers = new WeakMap<AnyDocument, boolean>();
  return (document) => {
    const answer = answers.get(document) ?? select(document);
    if (typeof answer !== 'boolean') throw noBoolean(answer);
    answers.set(document, answer);
    return answer;
  };
}

function noBoolean(answer: unknown): TypeError {
  const isLater = isPromise(answer);
  // It is refused already: a rejection that nobody waits for would end the process.
  if (isLater) answer.catch(() => undefined);
  const got = isLater ? 'a promise' : describeType(answer);
  return new TypeError(`"select" expected a function that returns a boolean, and it gave ${got}`);
}

export interface MigrationContext extends RunContext {
  readonly definition: AnyDefinition;
  readonly store: MeteredDocumentStore;
  readonly services: DekServices;
  readonly reader: DocumentReader;
  readonly updater: DocumentUpdater;
  readonly request: MigrationRequest;
  /** Before each write of a row; documents are written so by their store. */
  readonly requireLease: () => Promise<void>;
}
