import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as core from '../../src/index.js';
import type * as sqlite from '../../src/sqlite/index.js';
import type * as testing from '../../src/testing/index.js';

const dist = join(import.meta.dirname, '../../dist');

/** The package as it was built: beside the sources, a second copy with classes of its own. */
export interface SecondCopy {
  readonly core: typeof core;
  readonly sqlite: typeof sqlite;
  readonly testing: typeof testing;
}

export async function secondCopy(): Promise<SecondCopy> {
  const [core, sqlite, testing] = await Promise.all(
    ['index.js', 'sqlite/index.js', 'testing/index.js'].map(
      (file) => import(pathToFileURL(join(dist, file)).href) as Promise<unknown>,
    ),
  );
  return { core, sqlite, testing } as SecondCopy;
}
