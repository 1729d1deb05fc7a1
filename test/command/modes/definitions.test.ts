import { readRecords } from '@bytelyst/field-encrypt';
import { afterEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/definitions.js';
import { reportIn } from '../../support/command-report.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { CommandWorld, PRODUCT, type WorldOptions } from '../../support/command-world.js';

interface Definition {
  readonly key?: readonly string[];
  readonly fields: readonly string[];
  readonly former?: readonly string[];
}

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** The notes were sealed with the fields `body` and `tags[]`; the configuration may declare others. */
async function made(definition: Definition, notes = 1): Promise<void> {
  const config: WorldOptions['config'] = ({ products: { notelett } }) => {
    const before = notelett.collections.notes;
    const after = { ...before, definition: { ...before.definition, ...definition } };
    return { products: { notelett: { ...notelett, collections: { notes: after } } } };
  };
  world = await CommandWorld.make({ notes, config });
}

async function definitions(...args: readonly string[]) {
  const outcome = await world.run(['definitions', '--json', ...args]);
  return { ...outcome, report: reportIn(outcome, resultSchema) };
}

async function recordedPaths(): Promise<readonly string[]> {
  const records = await readRecords({ product: PRODUCT, dekStore: world.dekStore });
  return records.definitions[0]?.paths ?? [];
}

async function removeNotes(): Promise<void> {
  const { items } = await world.notes.list();
  for (const { document, etag } of items) await world.notes.delete({ ...document }, etag);
}

describe('definitions', () => {
  it('finds no difference where there is none', async () => {
    await made({ fields: ['body', 'tags[]'] });
    const { code, report } = await definitions();
    expect(code).toBe(0);
    expect(report.findings).toEqual([]);
    expect(report.result).toMatchObject({
      definitions: [
        { collection: 'notes', recorded: { paths: ['body', 'tags[]'] }, unrecorded: [] },
      ],
    });
  });

  it('says no where the configuration does not declare what is recorded', async () => {
    await made({ fields: ['body'] });
    const { code, report } = await definitions();
    expect(code).toBe(3);
    expect(report.findings).toMatchObject([{ level: 'fail', check: 'definitions' }]);
    expect(report.findings[0]?.message).toContain('"tags[]", which this process cannot open');
  });

  it('says no where the key differs', async () => {
    await made({ key: ['id'], fields: ['body', 'tags[]'] });
    const { code, report } = await definitions();
    expect(code).toBe(3);
    expect(report.result).toMatchObject({ definitions: [{ keyDiffers: true }] });
  });

  it('names the step that records a new path, and does it', async () => {
    await made({ fields: ['body', 'tags[]', 'title'] });
    const first = await definitions();
    expect(first.code).toBe(0);
    expect(first.report.findings).toMatchObject([
      {
        level: 'warn',
        message: 'The paths title of "notes" are declared as sealed, and are not recorded',
        command: 'encrypt-migrate definitions --collection notes --register',
      },
    ]);
    const { code, report } = await definitions('--register', '--yes');
    expect(code).toBe(0);
    expect(report.findings).toEqual([]);
    expect(report.result).toMatchObject({
      registered: [{ collection: 'notes', paths: ['title'] }],
    });
    expect(await recordedPaths()).toEqual(['body', 'tags[]', 'title']);
  });

  it('does not record without a yes, and writes nothing in a dry run', async () => {
    await made({ fields: ['body', 'tags[]', 'title'] });
    const before = fingerprint(world);
    const refused = await definitions('--register');
    expect(refused.code).toBe(2);
    expect(refused.report.error?.message).toBe(
      'This records the paths title of "notes". From then on, processes that do not declare these paths do not start. This asks before it begins, and there is no terminal to ask on: pass --yes to begin without a question, or --dry-run to see what it would do',
    );
    const { code, report } = await definitions('--register', '--dry-run');
    expect(code).toBe(0);
    expect(report.result).toMatchObject({
      registered: [{ collection: 'notes', paths: ['title'] }],
    });
    expect(fingerprint(world)).toEqual(before);
  });

  it('records nothing where the record refuses the configuration', async () => {
    await made({ fields: ['body', 'title'] });
    const { code, report } = await definitions('--register', '--yes');
    expect(code).toBe(3);
    expect(report.result).toMatchObject({ registered: [] });
    expect(await recordedPaths()).toEqual(['body', 'tags[]']);
  });

  it('keeps a path under which something is sealed, and names the documents in a dry run too', async () => {
    await made({ fields: ['body'], former: ['tags[]'] });
    const before = fingerprint(world);
    const dry = await definitions('--forget', '--dry-run');
    expect(dry.code).toBe(1);
    expect(fingerprint(world)).toEqual(before);
    const { code, report, stderr } = await definitions('--forget', '--yes');
    expect(code).toBe(1);
    expect(stderr).toContain('DEFINITION_MISMATCH');
    expect(report.next).toMatchObject([{ why: 'To try again what is left' }]);
    expect(await recordedPaths()).toEqual(['body', 'tags[]']);
  });

  it('forgets a path under which nothing is sealed any more', async () => {
    await made({ fields: ['body'], former: ['tags[]'] });
    await removeNotes();
    const first = await definitions();
    expect(first.report.findings).toMatchObject([
      { level: 'warn', command: 'encrypt-migrate definitions --collection notes --forget' },
    ]);
    const { code, report } = await definitions('--forget', '--yes');
    expect(code).toBe(0);
    expect(report.result).toMatchObject({
      definitions: [{ recorded: { paths: ['body'] }, forgettable: [] }],
      runs: [{ summary: { complete: true } }],
    });
    expect(await recordedPaths()).toEqual(['body']);
  });

  it('has nothing to do where nothing differs', async () => {
    await made({ fields: ['body', 'tags[]'] });
    const before = fingerprint(world);
    for (const flag of ['--register', '--forget']) {
      const { code, report } = await definitions(flag);
      expect(code).toBe(0);
      expect(report.findings).toEqual([]);
    }
    expect(fingerprint(world)).toEqual(before);
  });

  it('refuses both steps at once', async () => {
    await made({ fields: ['body', 'tags[]'] });
    const { code, report } = await definitions('--register', '--forget');
    expect(code).toBe(2);
    expect(report.error?.message).toBe('--register and --forget are both passed: keep one');
  });

  it('makes nothing for a product without a record and rows, unless that is allowed', async () => {
    await made({ fields: ['body', 'tags[]'] }, 0);
    const { code, report } = await definitions('--register', '--yes');
    expect(code).toBe(3);
    expect(report.error?.code).toBe('PRODUCT_EMPTY');
    expect(await definitions('--register', '--yes', '--allow-empty')).toMatchObject({ code: 0 });
    expect(await recordedPaths()).toEqual(['body', 'tags[]']);
  });
});
