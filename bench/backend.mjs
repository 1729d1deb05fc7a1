/**
 * `npm run bench:backend`: `GET /api/notes/:id` of `examples/notes-backend` with encryption on against off.
 *
 * Three processes of the same service, each over a SQLite file: `on`, `off` (`FIELD_ENCRYPT_ENABLED=false`, and
 * nothing else differs), and `cold`, which is `on` with room for one key in its cache, so that each read also reads
 * the row of its key and unwraps it; the key is in the environment, so no time of a vault is in it. The caches of
 * the operating system and of SQLite are warm for all three, and neither rate nor overload is limited. They take
 * turns, on, off, cold, cold, off, on and so forth, every 500 requests, so that what else runs on the machine slows
 * all of them; a ratio is that of requests per second, of two sides in one round. Options: `--rounds`, 5 by default; `--requests` of each side in a round, 5,000;
 * `--connections`, 10; `--notes`, 200; `--log-level`, info as it is by default; `--profile FOLDER` keeps a processor
 * profile of each process; `--json` prints one JSON object.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { installedBackend, tokenFor } from '../test/support/running-backend.ts';
import { median, quantile } from './measure.mjs';
import { processorMsOf } from './processor-time.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const SIDES = {
  on: { file: 'on.db', env: {} },
  off: { file: 'off.db', env: { FIELD_ENCRYPT_ENABLED: 'false' } },
  cold: { file: 'on.db', env: { FIELD_ENCRYPT_CACHE_MAX_ENTRIES: '1' } },
};
const TURN = 500;
const LIST = '/api/notes?workspaceId=w1';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10' },
    json: { type: 'boolean' },
    'log-level': { type: 'string', default: 'info' },
    notes: { type: 'string', default: '200' },
    profile: { type: 'string' },
    requests: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
  },
});
const [connections, rounds] = [numberIn('connections', 1), numberIn('rounds', 1)];
const [notes, requests] = [numberIn('notes', connections), numberIn('requests', connections)];

const headers = { authorization: `Bearer ${await tokenFor(['w1'], {})}` };
const running = [];
process.prependOnceListener('exit', () => running.forEach((child) => child.kill('SIGKILL')));

const sides = {};
for (const name of Object.keys(SIDES)) sides[name] = await startSide(name);
await requireThatTheyDiffer();
await measureRound();
const turns = [];
for (let round = 0; round < rounds; round += 1) turns.push(await measureRound());
await stopAll();
const figures = {
  settings: { rounds, requests, connections, notes, logLevel: values['log-level'] },
  warm: ratiosOf('on'),
  cold: ratiosOf('cold'),
  sides: Object.fromEntries(Object.keys(SIDES).map((name) => [name, figuresOf(name)])),
};
if (values.json) console.log(JSON.stringify({ node: process.version, figures }));
else print(figures);

function numberIn(name, least) {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`"--${name}" expected ${least} or more`);
}

async function startSide(name) {
  const { file, env } = SIDES[name];
  const port = await freePort();
  const child = spawn(process.execPath, [...profiling(), '--import', 'tsx', 'src/main.ts'], {
    cwd: installedBackend(),
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      RATE_LIMIT_PER_MINUTE: '0',
      MAX_EVENT_LOOP_DELAY_MS: '0',
      LOG_LEVEL: values['log-level'],
      DATABASE_FILE: join(temporaryFolder(), file),
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  running.push(child);
  const side = { name, child, address: `http://127.0.0.1:${port}`, paths: [] };
  await untilHealthy(side);
  side.paths = name === 'cold' ? sides.on.paths : await createNotes(side);
  return side;
}

function profiling() {
  return values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function untilHealthy({ child, address }) {
  while (child.exitCode === null) {
    const answer = await fetch(`${address}/health`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error(`The backend ended with ${child.exitCode}`);
}

function contentOf(number) {
  const title = `Note ${number}`;
  return { title, body: `${title}, `.repeat(200).slice(0, 1_024), tags: ['one', 'two', title] };
}

/** @returns Their addresses. */
async function createNotes({ address }) {
  const paths = [];
  for (let number = 0; number < notes; number += 1) {
    const answer = await fetch(address + LIST, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(contentOf(number)),
    });
    if (answer.status !== 201) throw new Error(`A note was not created: ${answer.status}`);
    await answer.arrayBuffer();
    paths.push(answer.headers.get('location'));
  }
  return paths;
}

/** The same answers from all three, and one file with plaintext. */
async function requireThatTheyDiffer() {
  for (const { name, address, paths } of Object.values(sides)) {
    for (const [number, path] of paths.entries()) {
      const answer = await fetch(address + path, { headers });
      const { title, body, tags } = await answer.json();
      if (JSON.stringify({ title, body, tags }) !== JSON.stringify(contentOf(number))) {
        throw new Error(`${name} answered with another note`);
      }
    }
    const ready = await (await fetch(`${address}/api/diagnostics/readiness`)).json();
    const { enabled } = ready.encryption;
    const entries = { on: notes, off: 0, cold: 1 }[name];
    if (enabled !== (name !== 'off') || ready.cache.entries !== entries) {
      throw new Error(`${name} is not what it should be: ${JSON.stringify(ready)}`);
    }
  }
}

async function measureRound() {
  const names = Object.keys(SIDES);
  const parts = Object.fromEntries(names.map((name) => [name, []]));
  for (let left = requests; left > 0; left -= TURN) {
    const count = Math.max(connections, Math.min(left, TURN));
    for (const name of names) parts[name].push(await load(sides[name], count));
    names.reverse();
  }
  return Object.fromEntries(Object.entries(parts).map(([name, own]) => [name, together(own)]));
}

function together(parts) {
  const sumOf = (what) => parts.reduce((sum, each) => sum + each[what], 0);
  const times = parts.flatMap((each) => each.times);
  return {
    perSecond: (1_000 * times.length) / sumOf('wallMs'),
    cpuMs: sumOf('cpuMs') / times.length,
    times,
  };
}

/** Each connection begins at another note, so that no two ask for one at the same time. */
async function load({ name, child, address, paths }, count) {
  const times = [];
  let clients = 0;
  const [startMs, startCpu] = [performance.now(), processorMsOf(child.pid)];
  const instance = autocannon({
    url: address,
    connections,
    amount: count,
    headers,
    requests: paths.map((path) => ({ method: 'GET', path })),
    setupClient: (client) => {
      const from = Math.floor((notes / connections) * clients++);
      const own = [...paths.slice(from), ...paths.slice(0, from)];
      client.setRequests(own.map((path) => ({ method: 'GET', path, headers })));
    },
    verifyBody: (body) => body.length > 1_024,
  });
  let endMs = startMs;
  instance.on('response', (_client, _status, _bytes, time) => {
    times.push(time);
    endMs = performance.now();
  });
  const { errors, timeouts, mismatches, non2xx } = await instance;
  if (errors + timeouts + mismatches + non2xx > 0 || times.length !== count) {
    throw new Error(
      `${name}: ${times.length} answers, ${errors} errors, ${timeouts} timeouts, ${mismatches} wrong, ${non2xx} not 200`,
    );
  }
  const cpuMs = processorMsOf(child.pid) - startCpu;
  return { wallMs: endMs - startMs, cpuMs, times };
}

async function stopAll() {
  for (const child of running) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}

function ratiosOf(name) {
  return {
    requestsPerSecond: median(turns.map((turn) => turn[name].perSecond / turn.off.perSecond)),
    processorTime: median(turns.map((turn) => turn.off.cpuMs / turn[name].cpuMs)),
  };
}

function figuresOf(name) {
  const all = turns.flatMap((turn) => turn[name].times);
  return {
    requestsPerSecond: median(turns.map((turn) => turn[name].perSecond)),
    cpuMsPerRequest: median(turns.map((turn) => turn[name].cpuMs)),
    medianMs: median(all),
    p99Ms: quantile(all, 0.99),
  };
}

function print({ warm, cold, sides: all }) {
  console.log(
    `Node ${process.version}: ${rounds} rounds of ${requests} requests over ${connections} connections, ${notes} notes of 1 KiB\n`,
  );
  for (const [name, each] of Object.entries(all)) {
    const { requestsPerSecond, medianMs, p99Ms, cpuMsPerRequest } = each;
    console.log(
      `${name.padEnd(5)}${requestsPerSecond.toFixed(0).padStart(7)} requests/s, median ${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${cpuMsPerRequest.toFixed(3)} ms of processor time each`,
    );
  }
  console.log('');
  for (const [name, each] of Object.entries({ warm, cold })) {
    const { requestsPerSecond, processorTime } = each;
    console.log(
      `${name} keys: ${requestsPerSecond.toFixed(3)} of the requests/s without encryption, ${processorTime.toFixed(3)} by processor time (medians of ${rounds} pairs)`,
    );
  }
}
