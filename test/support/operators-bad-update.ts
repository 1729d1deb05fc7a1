/** An event of the stream in which all is shown that can be wrong. @module */
import type { OperatorUpdate } from '../../examples/notes-backend/src/ops/operator-session.js';
import type { OperatorsWorld } from './operators-world.js';

/** A service in which everything fails, with long names. */
export function badUpdate({ versions }: OperatorsWorld): OperatorUpdate {
  const at = new Date().toISOString();
  const long = 'a-provider-with-a-name-that-is-as-long-as-a-name-can-be';
  const names = [versions.old, versions.new, 'v3', 'v4', 'v5', 'v6'];
  const each = { keyProvider: long, mekName: long, live: 1_234_567, previousWraps: 89 };
  const now = Date.now();
  return {
    isWhole: true,
    versions: names,
    points: [now - 86_400_000, now - 43_200_000, now].map((time, x) => [
      time,
      ...names.map((_, y) => 1_000 * (x + 1) * (y + 1)),
    ]),
    state: {
      product: 'a product with a long name',
      rotation: {
        epoch: 7,
        state: 'rewrapping',
        keyProvider: long,
        mekName: long,
        mekVersion: versions.new,
        fenceTtlMs: 30_000,
        startedAt: '2026-01-01T00:00:00.000Z',
        restored: true,
        earlierVersion: versions.old,
      },
      rows: {
        number: 9,
        at,
        tookMs: 90_000,
        live: 7_407_402,
        shredded: 1,
        behind: 6_172_835,
        ahead: 1,
        unreadable: 2,
        settled: false,
        isOfRecord: true,
        versions: names.map((mekVersion) => ({
          ...each,
          mekVersion,
          isTarget: mekVersion === versions.new,
        })),
      },
      progress: { done: 1_234_567, of: 7_407_402, perSecond: 33.4, movedAt: at },
      counts: {
        since: at,
        cache: { hit: 1_000, miss: 10, joined: 1, evicted: 1 },
        unwraps: names.map((mekVersion) => ({ mekVersion, count: 100_000 })),
        failedUnwraps: 12,
        throttles: 345,
        run: {
          id: 1,
          run: 'rewrapAllDeks',
          dryRun: true,
          event: 'stopped',
          total: 9,
          left: 8,
          vaultOps: 7,
          throttled: 6,
          failed: 5,
          errorCode: 'KEY_PROVIDER_UNAVAILABLE',
        },
      },
      readiness: {
        ready: false,
        stopping: false,
        checks: [
          { name: 'notes', ok: true, durationMs: 0.4 },
          {
            name: `key-provider ${long}`,
            ok: false,
            durationMs: 10_000,
            code: 'KEY_PROVIDER_UNAVAILABLE',
          },
        ],
        encryption: { enabled: true, mode: 'migrate', fenceTtlMs: 30_000 },
        cache: { entries: 10_000, maxEntries: 10_000, ttlMs: 1 },
        plaintextReads: 4,
        definitionMismatches: 0,
        neverSeen: [],
        alarms: { tampered: 3 },
        warnings: [{ code: 'EXTRACTABLE_KEY', message: 'The key can be read by others.' }],
        information: [],
      },
      isAudited: true,
      audit: {
        failure: 'EACCES',
        events: ['operation.refused', 'mek.taken-over', 'dek.shredded'].map((what, index) => ({
          id: String(index),
          time: at,
          what,
          name: 'rewrapAllDeks',
          errorCode: 'CIRCUIT_OPEN',
          user: long,
        })),
      },
      nextSteps: [
        { level: 'alarm', text: 'The rows of keys cannot be read: STORE_UNAVAILABLE.' },
        { level: 'act', text: 'Run it again.', command: `npx encrypt-migrate ${long} --x ${long}` },
        { level: 'wait', text: 'Wait until it is complete.' },
        { level: 'ok', text: 'Nothing to do.' },
      ],
    },
  };
}
