/** The side of the rewrap measurement that goes by the plain loop. @module */
import Database from 'libsql';
import { rewrapPlainly } from './rewrap-ceiling.mjs';
import { mekFrom, PRODUCT } from './rewrap-rotation.mjs';
import { serveSteps, STEP_ROWS } from './steps.mjs';

const { file, source, target } = JSON.parse(process.argv[2]);
const database = new Database(file);

serveSteps(database, steps());

function* steps() {
  const { key, mekVersion } = mekFrom(target);
  const meks = { source: mekFrom(source).key, target: key, mekVersion };
  const pages = rewrapPlainly(database, { product: PRODUCT, epoch: 2, ...meks });
  yield { pass: 0 };
  let rows = 0;
  for (const count of pages) {
    rows += count;
    if (rows % STEP_ROWS === 0) yield { pass: 1 };
  }
}
