/** The writer of reports over many rows, in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const EVENTS = 200_000;
/** What a process keeps beside the rows changes a little while it runs. */
const LEAST_MIB = 2;

it('keeps no row in memory, and loses none', async () => {
  const script = join(ROOT, 'bench/report.mjs');
  const args = ['--expose-gc', '--import', 'tsx', script, '--json', '--events', String(EVENTS)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const result = JSON.parse(stdout) as Readonly<Record<string, number>>;
  expect(result).toMatchObject({
    items: EVENTS,
    'lines of items': EVENTS,
    verdict: 'is whole, unchanged, and signed with a configured secret',
  });
  expect(result['points']).toBeLessThanOrEqual(301);
  const grown = (result['heap MiB at the end'] ?? Infinity) - (result['heap MiB at a tenth'] ?? 0);
  // A row of the report has more than 150 bytes: all of them would be 27 MiB more.
  expect(grown).toBeLessThan(LEAST_MIB);
});
