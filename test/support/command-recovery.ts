/** Worlds whose configuration has more keys than a MEK, or copies of the stores. @module */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { addRecoveryWraps } from '@bytelyst/field-encrypt';
import Database from 'libsql';
import { CommandWorld, PRODUCT, type WorldConfig, type WorldOptions } from './command-world.js';
import { PAIR } from './recovery-pairs.js';

type OwnConfig = WorldConfig['products']['notelett'];

/** Changes what is configured for the product. */
export function ofProduct(change: (own: OwnConfig) => object): (config: WorldConfig) => object {
  return ({ products }) => ({ products: { [PRODUCT]: change(products[PRODUCT]) } });
}

/** No row has a mac yet, and a record key is configured now. */
export async function recordKeyWorld(options: WorldOptions): Promise<CommandWorld> {
  const config = ofProduct((own) => ({
    ...own,
    recordKey: { env: 'NOTES_RECORD_KEY' },
    insecureAcceptUnauthenticatedRecords: true,
  }));
  const world = await CommandWorld.make({ ...options, config });
  setVariable(world, 'NOTES_RECORD_KEY', randomBytes(32).toString('hex'));
  return world;
}

/** No row has a recovery wrap yet, and a recovery key is configured now. */
export async function recoveryKeyWorld({
  config,
  ...options
}: WorldOptions): Promise<CommandWorld> {
  const withKey = ofProduct((own) => ({ ...own, recoveryKey: { file: 'recovery-public.pem' } }));
  const world = await CommandWorld.make({ ...options, config: config ?? withKey });
  world.write('recovery-public.pem', PAIR.publicKey);
  world.write('recovery.pem', PAIR.privateKey);
  return world;
}

/** Every row has a recovery wrap, and the MEK of all of them is not configured any more. */
export async function lostMekWorld(
  options: WorldOptions,
  change: (own: object) => object = (own) => own,
): Promise<CommandWorld> {
  const config = ofProduct((own) =>
    change({
      ...own,
      providers: [{ type: 'env', key: { env: 'NOTES_KEY' } }],
      recoveryKey: { file: 'recovery-public.pem' },
    }),
  );
  const world = await recoveryKeyWorld({ ...options, config });
  const { product, keyProviders, dekStore } = world.encryptor();
  const encryption = { product, keyProviders, dekStore, recoveryKey: PAIR.publicKey };
  for await (const { type } of addRecoveryWraps(encryption)) {
    if (type === 'failed') throw new Error('A row failed');
  }
  return world;
}

/**
 * As a backup that is restored beside the store. Another process copies: closing the file here would drop the locks
 * of the open databases.
 */
export function copyFile({ folder }: CommandWorld, from: string, to: string): void {
  const database = new Database(join(folder, from));
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  execFileSync('cp', [join(folder, from), join(folder, to)]);
}

export function copyDeks(world: CommandWorld): void {
  copyFile(world, 'deks.sqlite', 'copy.sqlite');
}

/** Runs SQL on a file of the world. */
export function execute({ folder }: CommandWorld, file: string, sql: string): void {
  const database = new Database(join(folder, file));
  database.exec(sql);
  database.close();
}

function setVariable(world: CommandWorld, name: string, value: string): void {
  Object.assign(world.env, { [name]: value });
}
