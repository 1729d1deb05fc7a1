import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const SCRIPT = join(import.meta.dirname, 'start-version.mjs');
const NOTE = { id: '1', title: 'a title', body: 'a body' };

type Start = (shape: object, options?: object) => Readonly<Record<string, unknown>>;

function product(): Start {
  const folder = mkdtempSync(join(tmpdir(), 'versions-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const parts = { file: join(folder, 'deks.sqlite'), key: randomBytes(32).toString('base64') };
  return (shape, options) => {
    const request = JSON.stringify({ ...parts, shape, note: NOTE, ...options });
    const answer = execFileSync(process.execPath, [SCRIPT, request], { encoding: 'utf8' });
    return JSON.parse(answer) as Readonly<Record<string, unknown>>;
  };
}

it('an old version does not start once a new one seals a path that it cannot open', () => {
  const start = product();
  const old = { fields: ['body'] };
  expect(start(old)).toMatchObject({ sealed: { title: 'a title', body: { _enc: 1 } } });
  expect(start({ fields: ['body', 'title'] })).toMatchObject({ sealed: { title: { _enc: 1 } } });
  expect(start(old)).toEqual({
    code: 'DEFINITION_MISMATCH',
    message:
      'The definitions record says that values of "notes" may be stored sealed under "title", which this process cannot open: declare each such path in "former" of the definition, or in "fields"',
  });
  expect(start(old, { ignores: true })).toMatchObject({ sealed: { title: 'a title' } });
  const without = { note: { id: '1', body: 'a body' } };
  expect(start({ ...old, former: ['title'] }, without)).toMatchObject({ sealed: { id: '1' } });
});

it('the versions on both sides of each step of a path start beside each other', () => {
  const start = product();
  const at = (stage?: string): object => ({
    fields: stage === undefined ? ['body'] : ['body', 'title'],
    ...(stage !== undefined && { stages: { title: stage } }),
  });
  for (const stage of [undefined, 'opening', undefined, 'opening', 'sealing', 'opening']) {
    expect(start(at(stage))).toHaveProperty('sealed');
  }
  for (const stage of ['sealed', 'sealing', 'opening']) {
    expect(start(at(stage))).toHaveProperty('sealed');
  }
  expect(start(at())).toMatchObject({ code: 'DEFINITION_MISMATCH' });
});
