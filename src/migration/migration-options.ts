/** The options of a migration of documents, validated before anything happens. @module */
import { hostname } from 'node:os';
import { pid } from 'node:process';
import { isPromise } from 'node:util/types';
import type { DocumentReader } from '../cipher/document-reader.js';
import type { DocumentUpdater } from '../cipher/document-updater.js';
import type { DekServices } from '../dek/dek-services.js';
import type { SeenPaths } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import {
  describeType,
  requireFunction,
  requireIdentifier,
  requireIntegerBetween,
} from '../guards/guards.js';
import type { MeteredDocumentStore, AnyDocument } from '../run/scanned-document.js';
import {
  type RunContext,
  readRunOptions,
  type RunOptions,
  type RunRequest,
} from '../run/run-context.js';

export interface MigrationOptions extends RunOptions {
  /** Only documents, as stored, for which this returns true. @default all */
  readonly select?: (document: Readonly<Record<string, unknown>>) => boolean;
  /** The owner of the run, as other runs see it. @default host and process */
  readonly owner?: string;
  /**
   * After how long without a heartbeat of this run another may take its lease, 1 000 to 600 000.
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

/** For a migration whose result is about the whole collection. */
export type WholeMigrationOptions = Omit<MigrationOptions, 'select'>;

const LEASE_OPTIONS = ['owner', 'leaseTtlMs'] as const;
const OPTIONS = ['select', ...LEASE_OPTIONS] as const;
const DEFAULT_LEASE_TTL_MS = 30_000;
const LEAST_LEASE_TTL_MS = 1_000;
export const MOST_LEASE_TTL_MS = 600_000;

/**
 * @param more - Names of options that only this migration has, and validates itself.
 * @throws TypeError or RangeError for invalid options.
 */
export function readMigrationOptions<Options extends MigrationOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: MigrationRequest } {
  const { own, request } = readRunOptions(options, [...more, ...OPTIONS]);
  const { select } = own;
  if (select !== undefined) requireFunction('select', select);
  const lease = readLeaseOptions(own);
  return { own, request: { ...request, select: select && checkedSelect(select), ...lease } };
}

/** @throws TypeError or RangeError for invalid options, `select` included. */
export function readWholeMigrationOptions(options: WholeMigrationOptions): MigrationRequest {
  const { own, request } = readRunOptions(options, LEASE_OPTIONS);
  return { ...request, select: undefined, ...readLeaseOptions(own) };
}

function readLeaseOptions(
  own: WholeMigrationOptions,
): Pick<MigrationRequest, 'leaseTtlMs' | 'owner'> {
  const { owner = `${hostname()}/${String(pid)}`, leaseTtlMs = DEFAULT_LEASE_TTL_MS } = own;
  requireIdentifier('owner', owner);
  requireIntegerBetween('leaseTtlMs', leaseTtlMs, LEAST_LEASE_TTL_MS, MOST_LEASE_TTL_MS);
  return { owner, leaseTtlMs };
}

/**
 * Calls `select` once for each version that was read, however often the version is checked: the function may
 * count.
 *
 * @returns A function that throws TypeError for a result that is not a boolean.
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
  // The promise is refused already: if it rejects unhandled, the process would end.
  if (isLater) answer.catch(() => undefined);
  const got = isLater ? 'a promise' : describeType(answer);
  return new TypeError(
    `"select" expected a function that returns a boolean, and it returned ${got}`,
  );
}

export interface MigrationContext extends RunContext {
  readonly definition: AnyDefinition;
  readonly store: MeteredDocumentStore;
  readonly services: DekServices;
  readonly reader: DocumentReader;
  readonly updater: DocumentUpdater;
  readonly request: MigrationRequest;
  /** Which declared paths the scanned documents had. */
  readonly seen: SeenPaths;
  /** Called before each write of a row; the document store does so itself for documents. */
  readonly requireLease: () => Promise<void>;
}
