import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  defineUntypedDocument,
  reencryptDocuments,
  removeEncryption,
  type EncryptionContext,
  type MigrationOptions,
} from '../../src/index.js';
import { KEY, setup, type Loose, type Setup } from '../support/encryptor.js';
import {
  migrate,
  notes,
  type Migrated,
  type Migration,
  type Notes,
} from '../support/migrations.js';

const misspelt = defineUntypedDocument({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body', 'titel', 'meta.lokation'],
});

async function filled(count: number, fields: Loose = {}): Promise<Notes> {
  const made = notes();
  for (let at = 0; at < count; at += 1) {
    await made.memory.create({ ...KEY, id: String(at), body: 'b', title: 't', ...fields });
  }
  return made;
}

type Run = (made: Setup, collection: Notes, options?: MigrationOptions) => Promise<Migrated>;

const runOver =
  (
    start: (
      encryption: EncryptionContext,
      made: Setup,
      ...rest: [Notes, MigrationOptions]
    ) => Migration,
    enabled = true,
  ): Run =>
  (made, collection, options = {}) => {
    made.clock.advance(1_000);
    const { encryptor } = enabled ? made : setup({ beside: made, enabled });
    return migrate(
      start(encryptor, made, collection, { allowEmpty: true, ...options }),
      made.clock,
    );
  };

const runs: readonly [name: string, run: Run][] = [
  [
    'backfillDocuments',
    runOver((encryption, _made, { store }, options) =>
      backfillDocuments(encryption, misspelt, store, options),
    ),
  ],
  [
    'reencryptDocuments',
    runOver((encryption, { clock }, { store }, options) =>
      reencryptDocuments(encryption, misspelt, store, {
        ...options,
        createdBefore: new Date(clock.wallMs()),
      }),
    ),
  ],
  [
    'removeEncryption',
    runOver(
      (encryption, _made, { store }, options) =>
        removeEncryption(encryption, misspelt, store, options),
      false,
    ),
  ],
];

describe.each(runs)('the summary of %s', (_name, run) => {
  it('names declared paths that no document had', async () => {
    const { summary } = await run(setup(), await filled(100));
    expect(summary.neverSeen).toEqual(['titel', 'meta.lokation']);
  });

  it('names them in a dry run', async () => {
    const { summary } = await run(setup(), await filled(100), { dryRun: true });
    expect(summary.neverSeen).toEqual(['titel', 'meta.lokation']);
  });

  it('names none of fewer documents, however often they are scanned', async () => {
    const collection = await filled(99);
    const { summary } = await run(setup(), collection);
    expect(summary).not.toHaveProperty('neverSeen');
  });

  it('names none where each path is in some document', async () => {
    const collection = await filled(100);
    await collection.memory.create({ ...KEY, id: 'last', titel: 't', meta: { lokation: null } });
    expect((await run(setup(), collection)).summary).not.toHaveProperty('neverSeen');
  });

  it('counts selected documents alone', async () => {
    const select = (document: Loose): boolean => document['id'] !== '7';
    const { summary } = await run(setup(), await filled(100), { select });
    expect(summary).not.toHaveProperty('neverSeen');
  });
});

it('a backfill scans its documents twice, and counts them once', async () => {
  const [, backfill] = runs[0] ?? [];
  const summary = (await backfill?.(setup(), await filled(99)))?.summary;
  expect(summary?.passes).toBe(2);
  expect(summary).not.toHaveProperty('neverSeen');
});
