/** A configuration whose stores count the writes that they are asked for. @module */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandWorld } from './command-world.js';

const DIST = join(import.meta.dirname, '../../dist');

/** The product of `encrypt-migrate.config.json`, over the same files. @returns The name of the file. */
export function countingConfig(world: CommandWorld): string {
  world.write(
    'counting.mjs',
    `import { readFileSync, writeFileSync } from 'node:fs';
    import Database from 'libsql';
    import { SqliteDekStore, SqliteDocumentStore } from '${DIST}/sqlite/index.js';

    const WRITES = ['create', 'replace', 'delete', 'createItem', 'replaceItem'];
    let writes = 0;
    const counting = (store) =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return (...args) => {
            if (WRITES.includes(name)) writes += 1;
            return value.apply(target, args);
          };
        },
      });
    process.on('exit', () => writeFileSync('writes.txt', String(writes)));

    const config = JSON.parse(readFileSync('encrypt-migrate.config.json', 'utf8'));
    const dekStore = ({ file }) => counting(new SqliteDekStore(new Database(file)));
    const documentStore = ({ file, table }, { key }) =>
      counting(new SqliteDocumentStore(new Database(file), { table, key }));
    for (const product of Object.values(config.products)) {
      product.dekStore = dekStore(product.dekStore);
      for (const each of Object.values(product.collections)) {
        each.documentStore = documentStore(each.documentStore, each.definition);
      }
      for (const copy of Object.values(product.copies ?? {})) copy.dekStore = dekStore(copy.dekStore);
    }
    export default config;
    `,
  );
  return 'counting.mjs';
}

/** Of the last command. */
export function writesCounted({ folder }: CommandWorld): number {
  const file = join(folder, 'writes.txt');
  if (!existsSync(file)) throw new Error('The stores were not used');
  const writes = Number(readFileSync(file, 'utf8'));
  rmSync(file);
  return writes;
}
