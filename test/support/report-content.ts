/** A report of a long rotation in which something failed: every part of a page has something to show. @module */
import type { CensusMoment, Evidence } from '../../command/report/evidence-schema.js';
import type { ReportContent } from '../../command/report/html/html-report.js';
import type { ModeReport } from '../../command/report/mode-report.js';

const OLD = '3f1d6a2be0c94f7d9b8a51c2de7f0a11';
const NEW = 'b7c0e9d2f3a64c1d8e5f90a1b2c3d4e5';
const DEK = '2c1d3f36cb964f3eeb5195f4e708e90e';
const AT = '2026-11-29T17:57:46.033Z';

const wrap = (mekVersion: string, active: number, previousWraps: number) => ({
  keyProvider: 'akv',
  mekName: 'notelett-mek',
  mekVersion,
  active,
  retired: Math.round(active / 50),
  previousWraps,
});

function moment(isAfter: boolean): CensusMoment {
  const epoch = isAfter ? 7 : 6;
  return {
    takenAt: AT,
    belowEpoch: isAfter ? 12 : 0,
    census: {
      product: 'notelett',
      rotation: {
        keyProvider: 'akv',
        mekName: 'notelett-mek',
        mekVersion: isAfter ? NEW : OLD,
        epoch,
        state: isAfter ? 'rewrapping' : 'complete',
      },
      rows: 1_000_202,
      active: 980_000,
      retired: 20_000,
      shredded: 202,
      wraps: isAfter ? [wrap(NEW, 979_988, 0), wrap(OLD, 12, 979_988)] : [wrap(OLD, 980_000, 0)],
      epochs: isAfter
        ? [
            { epoch, rows: 999_988 },
            { epoch: 6, rows: 12 },
          ]
        : [{ epoch, rows: 1_000_000 }],
      behind: isAfter ? 12 : 0,
      ahead: 0,
      unreadable: isAfter ? 1 : 0,
      unreadableRows: isAfter
        ? [
            {
              dekId: `${DEK}.1`,
              error: { name: 'TamperedError', code: 'TAMPERED', message: 'The row was changed' },
            },
          ]
        : [],
      settled: !isAfter,
    },
  };
}

/** @param name - Of the product, the operator and everything else that has a name. */
export function reportContent(name = 'notelett'): ReportContent {
  const digest = 'a2ab6bfa7f187f978c433296ef128bdfd5d1730c2d7bbf80f3f7e4345dad724b';
  const report: ModeReport = {
    schema: 1,
    tool: { name: 'encrypt-migrate', version: '0.1.0' },
    mode: 'rewrap-deks',
    product: name,
    dryRun: false,
    outcome: 'failed',
    exitCode: 1,
    startedAt: AT,
    finishedAt: '2026-11-29T18:30:47.236Z',
    durationMs: 1_995_250,
    result: { runs: [{ label: name, interrupted: false }] },
    findings: (['ok', 'warn', 'fail', 'unseen'] as const).map((level) => ({
      level,
      check: `check-${level}`,
      message: `What was found in ${name}`,
      action: 'What to do about it',
      command: `encrypt-migrate doctor --product ${name}`,
    })),
    next: [{ why: 'To try again what is left', command: 'encrypt-migrate rewrap-deks' }],
    error: { name: 'StoreError', code: 'STORE_UNAVAILABLE', message: `No answer from ${name}` },
  };
  const evidence: Evidence = {
    id: 'report_c29a606e-5a1e-4226-985f-9d1c453594b6',
    who: {
      user: name,
      host: 'runner-17',
      ci: { name: 'GitHub Actions', user: name, repository: 'bytelyst/notelett', job: '123456789' },
    },
    node: 'v20.20.2',
    command: `encrypt-migrate rewrap-deks --product ${name} --new-mek-version ${NEW}`,
    before: moment(false),
    after: moment(true),
    throughput: Array.from({ length: 210 }, (_, at) => ({
      atMs: at * 9_500,
      scanned: Math.round(at * 10_000 + Math.sin(at / 9) * 20_000 + 20_000),
      changed: at * 4_750,
      failed: Math.min(Math.floor(at / 10), 12),
      vaultOps: at * 9_500,
      throttled: Math.floor(at / 3) * 7,
    })),
    failures: [
      {
        code: 'TAMPERED',
        count: 10,
        examples: [1, 2, 3, 4, 5].map((at) => `${DEK}.${String(at)}`),
      },
      { code: name, count: 2, examples: [] },
    ],
    estimate: { rows: 1_000_000, vaultOps: 3_000_000, leastMs: 5_000_000 },
    took: {
      durationMs: 1_990_000,
      scanned: 3_000_642,
      changed: 999_988,
      failed: 12,
      vaultOps: 2_999_964,
      throttled: 483,
      requestCharge: 11_000_123.5,
    },
    documents: {
      documentsRewritten: 0,
      bytesRewritten: 0,
      documentsCreated: 0,
      bytesCreated: 0,
      documentsDeleted: 0,
      writeCalls: 0,
      readCalls: 0,
    },
    digests: (['same', 'changedMeanwhile', 'deletedMeanwhile', 'different'] as const).map(
      (state) => ({
        collection: name,
        key: { id: name },
        state,
        before: { sha256: digest, etag: 'cebdd855-11eb-44ca-ad6b-a3ecde6f94bf' },
        ...(state !== 'deletedMeanwhile' && { after: { sha256: digest, etag: 'other' } }),
      }),
    ),
    items: { count: 1_000_000, sha256: digest },
    unseen: [{ what: `The documents of "${name}"`, why: 'The store does not answer' }],
  };
  const views = [
    { title: name, facts: { scanned: 1_000_214, changed: 999_988 } },
    { title: 'Rows', rows: [{ name, count: 1 }] },
    { title: 'Nothing', rows: [] },
    { text: `A remark about ${name}` },
  ];
  return { report, evidence, views, json: { name: `${name}.json`, sha256: digest } };
}
