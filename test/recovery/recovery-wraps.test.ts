import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, LiveDekRow } from '../../src/adapters.js';
import { reencryptDocuments, type DocumentStore } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { deferred, turn } from '../support/deferred.js';
import {
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
  type SetupOptions,
} from '../support/encryptor.js';
import { migrate } from '../support/migrations.js';
import {
  dekInRecoveryWrap,
  liveRows,
  OTHER_PAIR,
  PAIR,
  type RecoveryPair,
} from '../support/recovery-pairs.js';
import { rewrap, rows, withKeys, writeNotes } from '../support/rotations.js';
import { openWrap } from '../support/rotation/meks.js';

const OURS: SetupOptions = { recoveryKey: PAIR.publicKey };
const THEIRS: SetupOptions = { recoveryKey: OTHER_PAIR.publicKey };

/** Both wraps of every live row hold one DEK. */
async function expectAllRecoverable(made: Setup, pair: RecoveryPair = PAIR): Promise<void> {
  const live = await liveRows(made);
  expect(live.length).toBeGreaterThan(0);
  for (const row of live) {
    expect(row.recoveryWrap).toMatchObject({
      wrapAlgorithm: 'RSA-OAEP-256',
      recoveryKeyId: pair.id,
    });
    expect(dekInRecoveryWrap(row, pair)).toBe(dekIn(row));
  }
}

function dekIn(row: LiveDekRow): string {
  return openWrap(row).toString('hex');
}

async function recoveryWraps(made: Setup): Promise<unknown> {
  return (await liveRows(made)).map(({ recoveryWrap }) => recoveryWrap);
}

describe('with a recovery key', () => {
  it('every create stores the DEK for it too, and calls the MEK no more often for it', async () => {
    const made = setup(OURS);
    await writeNotes(made, 3);
    await expectAllRecoverable(made);
    expect(made.provider.calls).toEqual({ currentVersion: 1, wrapKey: 3 });
  });

  it('every rewrap adds what is missing, refreshes what is for another, keeps its own', async () => {
    const made = setup();
    await writeNotes(made, 1);
    await encryptAny(withKeys(made, ['a'], THEIRS).encryptor, { ...KEY, id: 'theirs', body: 'x' });
    await encryptAny(withKeys(made, ['a'], OURS).encryptor, { ...KEY, id: 'ours', body: 'x' });
    const before = new Map((await liveRows(made)).map((row) => [row.id, row.recoveryWrap]));
    const { summary } = await rewrap(withKeys(made, ['b', 'a'], OURS));
    expect(summary).toMatchObject({ complete: true, changed: 3 });
    await expectAllRecoverable(made);
    for (const row of await liveRows(made)) {
      const isOurs = row.scope.includes('ours');
      expect(JSON.stringify(row.recoveryWrap) === JSON.stringify(before.get(row.id))).toBe(isOurs);
    }
  });

  it('a dry run writes none', async () => {
    const made = setup();
    await writeNotes(made, 2);
    await rewrap(withKeys(made, ['b', 'a'], OURS), { dryRun: true });
    expect(await recoveryWraps(made)).toEqual([undefined, undefined]);
  });

  it('a create that lands after a rotation keeps its own, however the row is moved', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const writer = withKeys(made, ['a', 'b'], OURS);
    await writeNotes(writer, 1);
    const gate = deferred();
    let created: unknown;
    writer.store.before = (method, [row]) => {
      if (method !== 'create') return undefined;
      created = row;
      return gate.promise;
    };
    const writing = encryptAny(writer.encryptor, { ...KEY, id: 'late', body: 'text' });
    await turn();
    await rewrap(withKeys(made, ['b', 'a']));
    gate.resolve();
    await writing;
    const late = (await liveRows(made)).find(({ scope }) => scope.includes('late')) as ActiveDekRow;
    expect(late).toMatchObject({ epoch: 2, previousWrap: { epoch: 1 } });
    expect(late.recoveryWrap).toEqual((created as ActiveDekRow).recoveryWrap);
    expect(dekInRecoveryWrap(late)).toBe(dekIn(late));
  });

  it('a re-encryption makes recoverable DEKs, and its tombstones have nothing to recover', async () => {
    const made = setup();
    const store = new MemoryDocumentStore<Loose>({ key: note.key });
    for (const document of await writeNotes(made, 2)) await store.create(document);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    made.clock.advance(1_000);
    const { encryptor } = withKeys(made, ['a'], OURS);
    const documents = store as unknown as DocumentStore<never>;
    const options = { createdBefore, shred: true };
    const work = reencryptDocuments(encryptor, note, documents, options);
    await migrate(work, made.clock);
    await expectAllRecoverable(made);
    const all = await rows(made);
    expect(all.map(({ state }) => state).sort()).toEqual([
      'active',
      'active',
      'shredded',
      'shredded',
    ]);
    for (const row of all) expect('recoveryWrap' in row).toBe(row.state === 'active');
  });

  it('a shred leaves nothing to recover', async () => {
    const made = setup(OURS);
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    await made.encryptor.shred(note, KEY);
    expect(JSON.stringify(await rows(made))).not.toContain('recoveryWrap');
  });
});

describe('without a recovery key', () => {
  it('a create stores none, and a rewrap keeps what is there, byte for byte', async () => {
    const made = setup(OURS);
    await writeNotes(made, 2);
    await encryptAny(withKeys(made, ['a']).encryptor, { ...KEY, id: 'bare', body: 'x' });
    const before = await recoveryWraps(made);
    const { summary } = await rewrap(withKeys(made, ['b', 'a']));
    expect(summary).toMatchObject({ complete: true, changed: 3 });
    expect(await recoveryWraps(made)).toEqual(before);
    expect((before as unknown[]).filter((each) => each === undefined)).toHaveLength(1);
    const bare = (await liveRows(made)).find(({ scope }) => scope.includes('bare'));
    expect(bare && 'recoveryWrap' in bare).toBe(false);
  });
});

describe('the DEK that was lent for its wraps', () => {
  it('is wiped once both are made, or one could not be', async () => {
    const made = setup(OURS);
    const lent: Uint8Array[] = [];
    made.provider.before = (method, [bytes]) => {
      if (method !== 'wrapKey') return;
      lent.push(bytes as Uint8Array);
      if (lent.length === 2) throw new Error('down');
    };
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    await encryptAny(made.encryptor, { ...KEY, id: '2', body: 'text' }).catch(() => undefined);
    expect(lent).toHaveLength(2);
    for (const bytes of lent) expect([...bytes].every((byte) => byte === 0)).toBe(true);
  });
});
