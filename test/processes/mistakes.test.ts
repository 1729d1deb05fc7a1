/** Mistakes of operators, over a file that another process wrote: refused before anything is written. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { MEK_HEX, MEK_VERSION, OTHER_MEK_HEX, setup } from '../support/encryptor.js';
import { targetOf, writeNotes } from '../support/rotations.js';

const SCRIPT = join(import.meta.dirname, 'mistakes-child.mjs');
const NOTES = 5;

interface Call {
  readonly run: string;
  readonly options: object;
  readonly keys: readonly object[];
  readonly product?: string;
}

interface Outcome {
  readonly result?: unknown;
  readonly failed?: number;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
}

interface File {
  readonly call: (call: Call) => Promise<Outcome>;
  /** Everything that is stored. */
  readonly contents: () => unknown;
}

/** A file with notes under the first MEK. */
async function writtenFile(count = NOTES): Promise<File> {
  const directory = mkdtempSync(join(tmpdir(), 'field-encrypt-'));
  const file = join(directory, 'store.db');
  const database = new Database(file);
  onTestFinished(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  const dekStore = new SqliteDekStore(database);
  await writeNotes(setup({ dekStore, fenceTtlMs: 1_000 }), count);
  return {
    call: (call) => inChild({ file, ...call }),
    contents: () => database.prepare('SELECT * FROM dek_store ORDER BY id').all(),
  };
}

async function inChild(input: object): Promise<Outcome> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const printed = await text(child.stdout);
  expect(await ended).toEqual([0, null]);
  return JSON.parse(printed) as Outcome;
}

const BOTH = [{ key: OTHER_MEK_HEX, previousKeys: [MEK_HEX] }];

describe('a rotation without the previous keys', () => {
  it.each([false, true])('is refused before anything is written, dryRun %s', async (dryRun) => {
    const { call, contents } = await writtenFile();
    const before = contents();
    const target = await targetOf('b');
    const options = { target, dryRun };
    const { error, failed } = await call({
      run: 'rewrapAllDeks',
      options,
      keys: [{ key: OTHER_MEK_HEX }],
    });
    expect(error).toEqual({
      name: 'FieldEncryptionError',
      code: 'MEK_UNUSABLE',
      message: `The rotation of the product "notelett" did not begin, because no DEK row opens under:\n- env/env/${MEK_VERSION} (rows: ${String(NOTES)}, MEK_VERSION_UNKNOWN): add its key to FIELD_ENCRYPT_PREVIOUS_KEYS, which is "previousKeys" of EnvKeyProvider\nA version that is lost for good has to be named in "withoutOpening"`,
    });
    expect(failed).toBe(0);
    expect(contents()).toEqual(before);
    const { result } = await call({ run: 'rewrapAllDeks', options, keys: BOTH });
    expect(result).toMatchObject(dryRun ? { wouldChange: NOTES } : { complete: true });
  });
});

describe('a rotation that continues without the previous keys', () => {
  it('stops after a hundred failures, writes no row, and is continued with them', async () => {
    const { call, contents } = await writtenFile(120);
    const target = await targetOf('b');
    // It moves nothing, and is left unfinished.
    const begun = await call({
      run: 'rewrapAllDeks',
      options: { target, sourceVersion: 'env-0', allowUnknown: true },
      keys: BOTH,
    });
    expect(begun.result).toMatchObject({ complete: false, skipped: 120 });
    const before = contents();
    const options = { target, concurrency: 1 };
    const stopped = await call({ run: 'rewrapAllDeks', options, keys: [{ key: OTHER_MEK_HEX }] });
    expect(stopped).toEqual({
      failed: 100,
      error: {
        name: 'FieldEncryptionError',
        code: 'TOO_MANY_FAILURES',
        message:
          'The run stopped after 100 failures without a success between them, the first with MEK_VERSION_UNKNOWN: cure its cause and run it again to continue, or pass a larger "maxFailures"',
      },
    });
    expect(contents()).toEqual(before);
    const { result } = await call({ run: 'rewrapAllDeks', options, keys: BOTH });
    expect(result).toMatchObject({ complete: true, changed: 120, failures: {} });
  });
});

describe('a product whose name is misspelt', () => {
  it.each([
    ['rewrapAllDeks', { target: { mekVersion: MEK_VERSION } }],
    ['adoptRestoredStore', {}],
    ['assertRetirable', { mek: { mekVersion: MEK_VERSION }, backupWindowMs: 0 }],
    ['takeCensus', {}],
    ['findUnreadableRows', {}],
  ])(
    'is refused by %s before anything is written, with the products of the file',
    async (run, options) => {
      const { call, contents } = await writtenFile();
      const before = contents();
      const { error } = await call({ run, options, keys: BOTH, product: 'notepad' });
      expect(error).toEqual({
        name: 'FieldEncryptionError',
        code: 'PRODUCT_EMPTY',
        message:
          'The product "notepad" has neither DEK rows nor a rotation record in this store, which has "notelett": correct "product" or "dekStore"; pass "allowEmpty: true" where nothing was encrypted yet',
      });
      expect(contents()).toEqual(before);
    },
  );
});

describe('a MEK version with a digit too many', () => {
  const mek = { mekVersion: `${MEK_VERSION}0` };
  const hint = `which no DEK row and no entry of the rotation record of the product "notelett" has: did you mean`;
  const rest = 'pass "allowUnknown: true" for a version that left no trace';
  const refusal = `"mek" names env/env/${MEK_VERSION}0, ${hint} env/env/${MEK_VERSION}? ${rest}`;

  it.each([
    ['assertRetirable', { mek, backupWindowMs: 0 }, refusal],
    ['prunePreviousWraps', { mek, rewrappedBefore: '2020-01-01T00:00:00.000Z' }, refusal],
    [
      'rewrapAllDeks',
      { sourceVersion: mek.mekVersion },
      `"sourceVersion" names ${MEK_VERSION}0, ${hint} ${MEK_VERSION}? ${rest}`,
    ],
  ])('is refused by %s before anything is written', async (run, options, message) => {
    const { call, contents } = await writtenFile();
    const before = contents();
    const target = run === 'rewrapAllDeks' ? { target: await targetOf('b') } : {};
    const { error } = await call({ run, options: { ...options, ...target }, keys: BOTH });
    expect(error).toEqual({ name: 'RangeError', message });
    expect(contents()).toEqual(before);
  });
});

describe('a version that the product never used', () => {
  it('is refused by rollbackRotation before anything is written', async () => {
    const { call, contents } = await writtenFile();
    const before = contents();
    const target = await targetOf('b');
    const { error } = await call({ run: 'rollbackRotation', options: { target }, keys: BOTH });
    expect(error).toEqual({
      name: 'RangeError',
      message: `The product "notelett" was never on env/env/${target.mekVersion}: no row is under it, and the rotation record does not name it; known are env/env/${MEK_VERSION}; pass "allowUnknown: true", or rotate to it with rewrapAllDeks`,
    });
    expect(contents()).toEqual(before);
  });
});

describe('a key that is configured under another provider id too', () => {
  it('may not be retired under that id while rows are under the other', async () => {
    const { call, contents } = await writtenFile();
    const before = contents();
    const mek = { keyProvider: 'env-old', mekVersion: MEK_VERSION };
    const { error } = await call({
      run: 'assertRetirable',
      options: { mek, backupWindowMs: 0 },
      keys: [{ key: MEK_HEX }, { key: MEK_HEX, id: 'env-old' }],
    });
    expect(error).toMatchObject({ code: 'MEK_STILL_NEEDED' });
    expect(error?.message).toContain(
      `\n- rows under the same version of another key provider, which may be the same key: ${String(NOTES)} (`,
    );
    expect(contents()).toEqual(before);
  });
});
