import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { afterEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/status.js';
import { reportIn } from '../../support/command-report.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { CommandWorld, type WorldOptions } from '../../support/command-world.js';

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function made(options: WorldOptions = {}): Promise<CommandWorld> {
  world = await CommandWorld.make(options);
  return world;
}

async function status(...args: readonly string[]) {
  const outcome = await world.run(['status', '--json', ...args]);
  return { ...outcome, report: reportIn(outcome, resultSchema) };
}

/** What a status needs of the environment: nothing. */
const WITHOUT_KEYS = { NOTES_KEY: undefined, NOTES_PREVIOUS_KEYS: undefined };

describe('status', () => {
  it('shows a product that has nothing unfinished, without the keys of the provider', async () => {
    const { versions } = await made({ notes: 3 });
    const outcome = await world.run(['status', '--json'], { env: WITHOUT_KEYS });
    expect(outcome.code).toBe(0);
    const { result, findings, product } = reportIn(outcome, resultSchema);
    expect({ findings, product }).toEqual({ findings: [], product: 'notelett' });
    const mek = { keyProvider: 'env', mekName: 'env', mekVersion: versions.old };
    expect(result).toMatchObject({
      rotation: { ...mek, epoch: 1, state: 'complete', history: 0, restored: false },
      census: { rows: 3, active: 3, behind: 0, wraps: [{ ...mek, active: 3 }], settled: true },
      plaintext: [{ collection: 'notes', documents: 0, fields: 0, scanned: 3 }],
      definitions: [{ collection: 'notes', recorded: { paths: ['body', 'tags[]'] } }],
      leases: [],
    });
  });

  it('prints the same for people', async () => {
    await made({ notes: 1 });
    const { stdout, code } = await world.run(['status']);
    expect(code).toBe(0);
    expect(stdout).toContain('state              complete');
    expect(stdout).toContain(`env/env/${world.versions.old}`);
    expect(stdout).toContain('Nothing is unfinished.');
    expect(stdout).not.toContain('\u001b');
  });

  it('names the plaintext that is left, and the command that encrypts it', async () => {
    await made({ notes: 1, plainNotes: 2 });
    const { code, report } = await status('--product', 'notelett');
    expect(code).toBe(0);
    expect(report.findings).toEqual([
      {
        level: 'warn',
        check: 'plaintext',
        message: '2 documents of "notes" with plaintext: 6 values in clear',
        command: 'encrypt-migrate encrypt --product notelett --collection notes',
      },
    ]);
  });

  it('names a rotation that was stopped, and the command that finishes it', async () => {
    const { versions } = await made({ notes: 4 });
    await stopRotation(2);
    const { code, report } = await status();
    expect(code).toBe(0);
    const { rotation, census } = resultSchema.parse(report.result);
    expect({ state: rotation?.state, behind: census?.behind }).toEqual({
      state: 'rewrapping',
      behind: 2,
    });
    expect(report.findings).toEqual([
      {
        level: 'warn',
        check: 'rotation',
        message: `The rotation to env/env/${versions.new} (epoch 2) is unfinished: rewrapping, since ${String(rotation?.startedAt)}`,
        action: 'Unless another process runs it now, finish it:',
        command: `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${versions.new}`,
      },
    ]);
  });

  it('exits with 3 where rows cannot be read, and names the command that examines them', async () => {
    await made({ notes: 2 });
    await damageRow();
    const { code, report } = await status();
    expect(code).toBe(3);
    const [finding] = report.findings;
    expect(finding).toMatchObject({
      level: 'fail',
      check: 'unreadable-rows',
      command: 'encrypt-migrate doctor',
    });
    expect(finding?.message).toMatch(
      /^1 row cannot be read, the first is [0-9a-f]{32}\.1: TAMPERED: /,
    );
  });

  it('says that nothing of the product is there, and which products are', async () => {
    await made({
      notes: 1,
      config: ({ products }) => ({
        products: { notelett: products.notelett, other: products.notelett },
      }),
    });
    const { code, report } = await status('--product', 'other');
    expect(code).toBe(3);
    expect(report.error?.code).toBe('PRODUCT_EMPTY');
    expect(report.error?.message).toContain('"notelett"');
    expect(report.result).toBeUndefined();
  });

  it('does not end where a document store cannot be read', async () => {
    await made({ notes: 2, config: withDocumentsIn('broken.sqlite') });
    world.write('broken.sqlite', 'this is no database');
    const { code, report } = await status();
    expect(code).toBe(0);
    const { census, plaintext } = resultSchema.parse(report.result);
    expect({ rows: census?.rows, plaintext }).toEqual({ rows: 2, plaintext: [] });
    expect(report.findings).toMatchObject([{ level: 'unseen', check: 'plaintext' }]);
  });

  it('says that it looks at no documents where the configuration has no collections', async () => {
    await made({
      notes: 1,
      config: ({ products: { notelett } }) => ({
        products: { notelett: { ...notelett, collections: undefined } },
      }),
    });
    const { code, report } = await status();
    expect(code).toBe(0);
    expect(report.findings.map(({ level, check }) => `${level} ${check}`)).toEqual([
      'unseen plaintext',
      'warn definitions',
    ]);
  });

  it('refuses a collection that is not configured', async () => {
    await made();
    const { code, report } = await status('--collection', 'note');
    expect(code).toBe(2);
    expect(report.error?.message).toContain('"note": did you mean notes?');
  });

  it('writes nothing', async () => {
    await made({ notes: 2, plainNotes: 1 });
    const before = fingerprint(world);
    await status();
    expect(fingerprint(world)).toEqual(before);
  });
});

function withDocumentsIn(file: string): NonNullable<WorldOptions['config']> {
  return ({ products: { notelett } }) => {
    const { notes } = notelett.collections;
    const documentStore = { ...notes.documentStore, file };
    return {
      products: { notelett: { ...notelett, collections: { notes: { ...notes, documentStore } } } },
    };
  };
}

/** Leaves the rotation to the new version after some rows. */
async function stopRotation(rows: number): Promise<void> {
  const { old: previous, new: key } = world.keys;
  const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
  const target = { mekVersion: world.versions.new };
  const options = { target, concurrency: 1 };
  let changed = 0;
  for await (const event of rewrapAllDeks(world.encryptorWith(provider), options)) {
    if (event.type === 'changed' && (changed += 1) === rows) break;
  }
}

async function damageRow(): Promise<void> {
  const { items } = await world.dekStore.list({ product: 'notelett' });
  const [item] = items;
  const row = item?.value as never;
  await world.dekStore.replace(
    { ...(row as object), commitment: 'AAAA' } as never,
    item?.etag ?? '',
  );
}
