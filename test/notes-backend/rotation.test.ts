/** A rotation by the packed command while the service answers: `npm run bench:rotation` does it with more notes. */
import { expect, it, onTestFinished } from 'vitest';
import { folderForTest } from '../support/notes-backend-process.js';
import { RotationUnderTraffic } from '../support/rotation-under-traffic.js';

const NOTES = 500;
const CLIENTS = 6;
const KINDS = ['create', 'delete', 'get', 'list', 'patch', 'put', 'stale'];

it('refuses no request and answers none wrongly, and the old version is not needed after it', async () => {
  const world = await RotationUnderTraffic.start(folderForTest(), NOTES, 1);
  onTestFinished(() => {
    world.close();
  });
  const { traffic, versions } = world;
  expect(world.rowCounts()).toEqual({ old: NOTES + 1, new: 0 });

  let isOver = false;
  const load = traffic.byClients(CLIENTS, () => isOver);
  // Slow enough for requests to meet it, on any machine: each row needs three operations.
  const rotation = await world.rotate(['--max-vault-ops', '400']);
  isOver = true;
  await load;
  expect([rotation.code, rotation.stderr]).toEqual([0, expect.any(String)]);
  const met = traffic.answered.filter(({ phases }) => phases[0] === 'rewrapping');
  expect([...new Set(met.map(({ kind }) => kind))].sort()).toEqual(KINDS);

  expect(world.rowCounts()).toEqual({ old: 0, new: traffic.size + 1 });
  const verified = await world.run(['verify', '--new-mek-version', versions.new, '--open-wraps']);
  expect([verified.code, verified.stderr]).toEqual([0, expect.any(String)]);

  await world.restartWithoutOldKey();
  await traffic.readAll();
  await world.stop();
  expect(traffic.problems).toEqual([]);
  expect(world.backend.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
