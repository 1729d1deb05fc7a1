/**
 * Loaded before a child process: kills it, by a signal that it cannot handle, before or after a given call of the file
 * system, or in the middle of a write. The calls are those that change what is on disk.
 */
import fs, { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { DIE_AT = '0', DIE_WHEN = 'never' } = process.env;
const FUNCTIONS = ['open', 'rename', 'unlink', 'mkdir', 'writeFile', 'utimes'];
const METHODS = ['write', 'writeFile', 'datasync', 'sync', 'truncate'];
const at = Number(DIE_AT);
let reached = 0;

function die(name) {
  writeSync(1, `died ${DIE_WHEN} ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function watch(owner, name) {
  const original = owner[name];
  owner[name] = async function watched(...args) {
    if (DIE_WHEN !== 'amid' || name === 'write') reached += 1;
    const isHere = reached === at;
    if (isHere && DIE_WHEN === 'before') die(name);
    if (isHere && DIE_WHEN === 'amid' && name === 'write') {
      const [bytes, offset = 0, length = bytes.length - offset, position = null] = args;
      await original.call(this, bytes, offset, length >> 1, position);
      die(name);
    }
    try {
      return await original.apply(this, args);
    } finally {
      if (isHere && DIE_WHEN === 'after') die(name);
    }
  };
}

const handle = await fs.promises.open('/dev/null');
for (const name of METHODS) watch(Object.getPrototypeOf(handle), name);
await handle.close();
for (const name of FUNCTIONS) watch(fs.promises, name);
syncBuiltinESMExports();
