/** What is said of leases and records, and the commands that finish what they began. */
import { randomBytes } from 'node:crypto';
import {
  createFieldEncryptor,
  EnvKeyProvider,
  registerDefinitions,
  systemClock,
  type ProductRecords,
} from '@bytelyst/field-encrypt';
import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
import { describe, expect, it } from 'vitest';
import {
  leaseFindings,
  reportedLeases,
  reportedReencryptions,
} from '../../../command/modes/inspecting/leases.js';
import { rowFindings } from '../../../command/modes/inspecting/rows.js';
import * as status from '../../../command/modes/status.js';
import { outcomeOf, productOf } from '../../support/command-mode.js';
import { requireRunnable } from '../../support/command-report.js';
import { noteDefinition, PRODUCT } from '../../support/command-world.js';

const NOW = '2026-06-01T12:00:00.000Z';
const BEFORE = '2026-06-01T11:00:00.000Z';
const LATER = '2026-06-01T12:00:30.000Z';
const CALL = { raw: { config: 'c.json', product: PRODUCT } };

type Lease = ProductRecords['leases'][number];

function leaseOf(kind: string, changes: Partial<Lease> = {}): Lease {
  const times = { heartbeatAt: BEFORE, expiresAt: BEFORE };
  return { collection: 'notes', kind, owner: 'host/1', released: false, ...times, ...changes };
}

function found(leases: readonly Lease[], reencryptions: ProductRecords['reencryptions'] = []) {
  const reported = reportedLeases({ leases }, Date.parse(NOW));
  return leaseFindings(CALL, reported, reportedReencryptions({ reencryptions }, reported));
}

describe('a lease', () => {
  it.each([
    ['backfill', 'encrypt --config c.json --product notelett --collection notes'],
    ['forget-paths', 'definitions --config c.json --product notelett --collection notes --forget'],
    [
      'remove-encryption',
      'remove-encryption --config c.json --product notelett --collection notes',
    ],
    [
      'move',
      'move --config c.json --product notelett --from-collection notes --to-collection COLLECTION',
    ],
    ['reencrypt', 're-encrypt --config c.json --product notelett --collection notes'],
    ['a kind of a later version', undefined],
  ])('of an unfinished %s has the command that finishes it', (kind, command) => {
    const [finding, ...others] = found([leaseOf(kind)]);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: 'warn',
      message: `The ${kind} of "notes" by host/1 was left unfinished, last seen at ${BEFORE}`,
    });
    expect(finding?.command).toBe(command && `encrypt-migrate ${command}`);
    requireRunnable(finding?.command);
  });

  it('of an unfinished re-encryption has the same DEKs as before', () => {
    const reencryption = {
      collection: 'notes',
      createdBefore: BEFORE,
      generationFloor: 2,
      startedAt: BEFORE,
    };
    expect(found([leaseOf('reencrypt')], [reencryption])[0]?.command).toBe(
      `encrypt-migrate re-encrypt --config c.json --product notelett --collection notes --created-before ${BEFORE}`,
    );
    const others = reportedReencryptions({ reencryptions: [reencryption] }, []);
    expect(others).toEqual([{ ...reencryption, unfinished: false }]);
  });

  it('that is held says until when, and one that was released says nothing', () => {
    expect(found([leaseOf('backfill', { expiresAt: LATER })])).toEqual([
      {
        level: 'warn',
        check: 'lease',
        message: `The backfill of "notes" by host/1 is running: its lease is held until ${LATER}`,
        action: 'Wait until it has finished.',
      },
    ]);
    expect(found([leaseOf('backfill', { released: true })])).toEqual([]);
  });
});

const NOTHING: ProductRecords = {
  product: PRODUCT,
  leases: [],
  reencryptions: [],
  definitions: [],
  unreadable: [],
};
const ROTATION = {
  keyProvider: 'env',
  mekName: 'env',
  mekVersion: 'env-1',
  epoch: 2,
  state: 'complete' as const,
  fenceTtlMs: 30_000,
  generationFloor: 1,
  startedAt: BEFORE,
  history: [],
  restored: false,
};
const ADOPT = 'encrypt-migrate adopt-restore --config c.json --product notelett --dry-run';

describe('a rotation record', () => {
  it('that is absent, restored or unreadable is a failure', () => {
    requireRunnable(ADOPT);
    expect(rowFindings(CALL, { records: NOTHING })).toMatchObject([
      { level: 'fail', check: 'rotation', command: ADOPT },
    ]);
    const restored = { ...NOTHING, rotation: { ...ROTATION, restored: true } };
    expect(rowFindings(CALL, { records: restored })).toMatchObject([
      { level: 'fail', check: 'rotation', command: ADOPT },
    ]);
    const item = { scopeId: 'rotation:notelett', id: 'rotation', error: new Error('altered') };
    expect(rowFindings(CALL, { records: { ...NOTHING, unreadable: [item] } })).toEqual([
      {
        level: 'fail',
        check: 'records',
        message: 'The item rotation of rotation:notelett cannot be read: altered',
      },
    ]);
  });

  it('below the rows is a failure', () => {
    const records = { ...NOTHING, rotation: ROTATION };
    const census = {
      ...{ product: PRODUCT, rotation: ROTATION, rows: 1, active: 1, retired: 0, shredded: 0 },
      ...{ wraps: [], epochs: [], behind: 0, ahead: 1, unreadable: 0, unreadableRows: [] },
      settled: false,
    };
    expect(rowFindings(CALL, { records, census })).toMatchObject([
      { level: 'fail', check: 'rows-ahead', command: ADOPT },
    ]);
  });

  it('that cannot be read leaves the rest of the status to be seen', async () => {
    const dekStore = new MemoryDekStore();
    const provider = new EnvKeyProvider({ key: randomBytes(32).toString('hex') });
    const parts = { product: PRODUCT, keyProviders: [provider], dekStore };
    await registerDefinitions(createFieldEncryptor(parts), [noteDefinition]);
    const item = await dekStore.getItem(`rotation:${PRODUCT}`, 'rotation');
    const altered = { ...(item?.value as object), epoch: 'many' };
    await dekStore.replaceItem(altered as never, item?.etag ?? '');
    const documentStore = new MemoryDocumentStore({ key: noteDefinition.key });
    const opened = productOf(PRODUCT, {
      provider,
      dekStore,
      documentStore,
      definition: noteDefinition,
    });
    const { exitCode, result, findings } = await outcomeOf(status, {
      args: ['status'],
      clock: systemClock,
      ...opened,
    });
    expect(exitCode).toBe(3);
    expect(findings).toMatchObject([{ level: 'fail', check: 'records' }]);
    expect(result).toMatchObject({
      plaintext: [{ scanned: 0 }],
      definitions: [{ collection: 'notes' }],
    });
  });
});
