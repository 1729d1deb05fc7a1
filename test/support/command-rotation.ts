/** Worlds in which the MEK was rotated. @module */
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { CommandWorld, type WorldOptions } from './command-world.js';

/** Every row is under the new version, and keeps its wrap under the old one. */
export async function rotatedWorld(options: WorldOptions): Promise<CommandWorld> {
  const world = await CommandWorld.make(options);
  const { old: previous, new: key } = world.keys;
  const encryptor = world.encryptorWith(new EnvKeyProvider({ key, previousKeys: [previous] }));
  const target = { mekVersion: world.versions.new };
  for await (const { type } of rewrapAllDeks(encryptor, { target })) {
    if (type === 'failed') throw new Error('A row failed');
  }
  return world;
}
