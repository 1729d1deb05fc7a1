/** Valid rows and other items for contract kits; they hold no real keys. @module */
import { encodeBase64url } from '../crypto/key-schedule.js';
import {
  tombstoneOf,
  type ActiveDekRow,
  type DekRow,
  type ShreddedDekRow,
} from '../format/dek-row.js';
import { dekIdOf, scopeIdOf } from '../format/key-scope.js';
import { leaseId, leaseScopeId, type Lease } from '../format/lease.js';
import { firstRotationRecord, type RotationRecord } from '../format/rotation-record.js';
import type { DekStoreItem } from '../store/dek-store.js';

const WRAPPED_BYTES = 40;
const COMMITMENT_BYTES = 32;
const FENCE_TTL_MS = 30_000;
const CREATED_AT = '2026-01-01T00:00:00.000Z';

export interface SampleRowOptions {
  readonly product?: string;
  /** The document in the collection `notes`; another document has another scope. */
  readonly document?: string;
  readonly generation?: number;
  readonly epoch?: number;
  readonly mekVersion?: string;
}

export function sampleRow({
  product = 'sample',
  document = 'n1',
  generation = 1,
  epoch = 1,
  mekVersion = 'v1',
}: SampleRowOptions = {}): ActiveDekRow {
  const scope = ['notes', document];
  const scopeId = scopeIdOf('document', product, scope);
  return {
    id: dekIdOf(scopeId, generation),
    scopeId,
    scopeKind: 'document',
    scope,
    type: 'dek',
    schema: 1,
    product,
    generation,
    state: 'active',
    wrappedDek: encodeBase64url(Buffer.alloc(WRAPPED_BYTES, generation)),
    wrapAlgorithm: 'A256KW',
    keyProvider: 'env',
    mekName: 'env',
    mekVersion,
    epoch,
    commitment: encodeBase64url(Buffer.alloc(COMMITMENT_BYTES, generation)),
    createdAt: CREATED_AT,
  };
}

export function sampleTombstone(options?: SampleRowOptions): ShreddedDekRow {
  return tombstoneOf(sampleRow(options), CREATED_AT);
}

export function sampleRecord(product = 'sample', epoch = 1): RotationRecord {
  const mek = { keyProvider: 'env', mekName: 'env', mekVersion: 'v1' };
  return { ...firstRotationRecord(product, mek, FENCE_TTL_MS, CREATED_AT), epoch };
}

export function sampleLease(product = 'sample', collection = 'notes', owner = 'worker-1'): Lease {
  return {
    id: leaseId(collection),
    scopeId: leaseScopeId(product),
    type: 'lease',
    schema: 1,
    product,
    kind: 'backfill',
    owner,
    heartbeatAt: CREATED_AT,
    expiresAt: CREATED_AT,
  };
}

/** One item of each known type other than a row, those of later versions included. */
export function sampleItems(product = 'sample'): readonly DekStoreItem[] {
  const inScope = (type: string, scope: string, id: string): DekStoreItem => ({
    id,
    scopeId: `${scope}:${product}`,
    type,
    product,
  });
  return [
    sampleRecord(product),
    sampleLease(product),
    inScope('reencryption', 'lease', 'reencryption:notes'),
    inScope('definition', 'definition', 'definition:notes'),
    inScope('member', 'member', 'member:m-1'),
    inScope('proposal', 'member', 'proposal'),
  ];
}

/** Rows whose type was changed, to hide them from every listing. */
export function disguisedRows(): readonly DekRow[] {
  return sampleItems().map(({ type }) => {
    const row = sampleRow({ document: `disguised as ${type}` });
    return { ...row, type } as unknown as DekRow;
  });
}

/** The given number of sample rows, each in its own scope. */
export function sampleRows(count: number, options: SampleRowOptions = {}): ActiveDekRow[] {
  return Array.from({ length: count }, (_, index) =>
    sampleRow({ ...options, document: `${options.document ?? 'n'}-${String(index)}` }),
  );
}

export interface SampleDocument extends Record<string, unknown> {
  readonly workspaceId: string;
  readonly id: string;
}

export function sampleDocument(properties: Record<string, unknown> = {}): SampleDocument {
  return { workspaceId: 'w1', id: 'n1', body: 'text', ...properties };
}

/** The given number of documents in one workspace, each with its own key. */
export function sampleDocuments(count: number, idPrefix = 'n'): SampleDocument[] {
  return Array.from({ length: count }, (_, index) =>
    sampleDocument({ id: `${idPrefix}-${String(index)}`, body: `text ${String(index)}` }),
  );
}

export const ODD_TEXTS: readonly string[] = [
  'plain',
  'PLAIN',
  'plain ',
  ' plain',
  'plain\u0000',
  'plain\u0000tail',
  '\u0000',
  '\\u0000',
  '\\',
  '\\\\',
  '"',
  '\\"',
  "it's",
  "'; DROP TABLE dek_store; --",
  '%',
  '_',
  '*?[a-z]',
  '${name} {{name}} $1 @p1 :p ?',
  '["a","b"]',
  '../a/b#c',
  'line\nfeed\r\n\ttab',
  '\u00e9',
  'e\u0301',
  '\ud83d\ude00',
  '\u202eright to left',
  '\u2028\u2029',
  '\ufeffmark',
  '\ufffe\uffff',
  '\ufffd',
  '\u007f\u0080\u009f',
  '0',
  '007',
  'null',
  '__proto__',
  'constructor',
];
