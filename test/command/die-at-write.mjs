/**
 * Loaded before the command: kills it, by a signal that it cannot handle, at a given write of its work. Counted are
 * the writes whose SQL begins with a given text.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { beginning, nth, when } = JSON.parse(process.env.DIE_AT_WRITE);
// The copy that the command loads: that of its configuration.
const Database = createRequire(join(process.cwd(), 'encrypt-migrate.config.json'))('libsql');
const { prepare, exec } = Database.prototype;
let reached = 0;
/** The handle whose transaction has the write. */
let due;

function die() {
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  if (!sql.startsWith(beginning)) return statement;
  const run = statement.run.bind(statement);
  statement.run = (...values) => {
    reached += 1;
    if (reached === nth) {
      if (when === 'within') die();
      due = this;
    }
    return run(...values);
  };
  return statement;
};

Database.prototype.exec = function (sql) {
  const done = exec.call(this, sql);
  if (due === this && sql === 'COMMIT') die();
  return done;
};
