/** The side of the backfill measurement that goes by the plain loop, with or without DEK rows. @module */
import Database from 'libsql';
import { backfillPlainly } from './backfill-ceiling.mjs';
import { mekFrom, PRODUCT } from './rewrap-rotation.mjs';
import { serveSteps, STEP_NOTES } from './steps.mjs';

const { file, mek, hasDeks } = JSON.parse(process.argv[2]);
const database = new Database(file);

serveSteps(database, steps());

function* steps() {
  const { key, mekVersion } = mekFrom(mek);
  const pages = backfillPlainly(database, { product: PRODUCT, mek: key, mekVersion, hasDeks });
  yield { pass: 0 };
  let rows = 0;
  for (const count of pages) {
    rows += count;
    if (rows % STEP_NOTES === 0) yield { pass: 1 };
  }
}
