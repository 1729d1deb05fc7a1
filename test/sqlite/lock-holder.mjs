/** Holds the write lock of a SQLite file until it is asked to release it: node lock-holder.mjs <file> */
import Database from 'libsql';

const database = new Database(process.argv[2]);
database.exec('PRAGMA journal_mode=WAL');
database.exec('BEGIN IMMEDIATE');
process.on('message', () => {
  database.exec('COMMIT');
  database.close();
  process.disconnect();
});
process.send?.('locked');
