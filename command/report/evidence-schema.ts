/** What a report file has on top of a result: the evidence of what the mode did. @module */
import * as z from 'zod';
import { censusSchema } from './census-schema.js';

const count = z.number().int().min(0);
const moment = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A row, or a document, that the mode changed, would change, or could not change. */
export const reportItemSchema = z.strictObject({
  /** Of a row. */
  dekId: z.string().optional(),
  /** Of a document. */
  collection: z.string().optional(),
  /** Of a document; with --document-keys. */
  key: z.record(z.string(), z.string()).optional(),
  outcome: z.enum(['changed', 'failed', 'would-change']),
  /** The MEK versions, as provider/name/version. */
  from: z.string().optional(),
  to: z.string().optional(),
  /** `OTHER` for an error that is not of the library. */
  errorCode: z.string().optional(),
});

const throughputPointSchema = z.strictObject({
  /** Since the mode started. */
  atMs: count,
  /** All figures are totals so far, over all runs and scans. */
  scanned: count,
  changed: count,
  failed: count,
  vaultOps: count,
  throttled: count,
});

const censusMomentSchema = z.strictObject({
  takenAt: moment,
  census: censusSchema,
  /** Live rows below the epoch of the rotation record. */
  belowEpoch: count,
});

const digestSchema = z.strictObject({
  collection: z.string(),
  /** With --document-keys. */
  key: z.record(z.string(), z.string()).optional(),
  state: z.enum(['same', 'changedMeanwhile', 'deletedMeanwhile', 'different']),
  /** SHA-256 of the stored document as JSON with sorted names (RFC 8785), and its etag. */
  before: z.strictObject({ sha256, etag: z.string() }),
  /** Absent where the document is gone. */
  after: z.strictObject({ sha256, etag: z.string() }).optional(),
});

export const evidenceSchema = z.strictObject({
  /** Of the report: files of one run have the same. */
  id: z.string(),
  /** The names by which the system and CI know the operator: a claim, no proof of an identity. */
  who: z.strictObject({
    user: z.string(),
    host: z.string(),
    ci: z
      .strictObject({
        name: z.string(),
        user: z.string().optional(),
        repository: z.string().optional(),
        job: z.string().optional(),
      })
      .optional(),
  }),
  node: z.string(),
  /** The command, without flags of the output. */
  command: z.string(),
  /** Only of modes that write rows. */
  before: censusMomentSchema.optional(),
  after: censusMomentSchema.optional(),
  /** Neighbours are merged where the run is long. */
  throughput: z.array(throughputPointSchema),
  /** Failed items by the code of their error, the most frequent first. */
  failures: z.array(
    z.strictObject({
      code: z.string(),
      count,
      /** The first five: dekIds; keys of documents with --document-keys. */
      examples: z.array(z.string()),
    }),
  ),
  /** From the census before the mode began: provided that nothing else writes, and nothing fails. */
  estimate: z
    .strictObject({
      rows: count,
      /** Operations of key services by the verification in effect, the round trip of the begin aside. */
      vaultOps: count,
      /** Within --max-vault-ops; absent without it. */
      leastMs: count.optional(),
    })
    .optional(),
  /** Over all runs of the mode. */
  took: z.strictObject({
    durationMs: count,
    scanned: count,
    changed: count,
    failed: count,
    vaultOps: count,
    throttled: count,
    requestCharge: z.number().optional(),
  }),
  /** Counted at the document stores of the product. */
  documents: z
    .strictObject({
      documentsRewritten: count,
      bytesRewritten: count,
      documentsCreated: count,
      bytesCreated: count,
      documentsDeleted: count,
      /** Calls that write, failed ones included. */
      writeCalls: count,
      /** Calls that read, without those for the digests. */
      readCalls: count,
    })
    .optional(),
  /** Sample documents of each collection; only of modes that write rows and no documents. */
  digests: z.array(digestSchema).optional(),
  /** The entries of `items`; SHA-256 of each entry as it is in the file, with a line feed after it. */
  items: z.strictObject({ count, sha256 }),
  /** What could not be seen, and why. */
  unseen: z.array(z.strictObject({ what: z.string(), why: z.string() })),
});

/** The last line of a report file. */
export const sealSchema = z.strictObject({
  /** Of the report. */
  id: z.string().min(1).max(100),
  /** Seconds since 1970. */
  timestamp: count,
  /** Of all bytes before the last line. */
  sha256,
  /** Of `id.timestamp.sha256`, as in Standard Webhooks; absent where no secrets are configured. */
  signature: z.string().max(1_000).optional(),
});

export type ReportItem = z.output<typeof reportItemSchema>;
export type ThroughputPoint = z.output<typeof throughputPointSchema>;
export type CensusMoment = z.output<typeof censusMomentSchema>;
export type DocumentDigest = z.output<typeof digestSchema>;
export type Evidence = z.output<typeof evidenceSchema>;
export type Seal = z.output<typeof sealSchema>;
