/** Reads the configuration file. @module */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';

type Environment = Readonly<Record<string, string | undefined>>;

/* eslint-disable */
export interface LoadedConfig {
  readonly folder: string;
  readonly value: any;
  readonly env: Environment;
}

export async function loadConfig({
  file = 'encrypt-migrate.config.json',
  folder,
  env,
}: {
  readonly file?: string;
  readonly folder: string;
  readonly env: Environment;
}): Promise<LoadedConfig> {
  const path = resolve(folder, file);
  try {
    return { folder: dirname(path), value: JSON.parse(readFileSync(path, 'utf8')), env };
  } catch (error) {
    throw new UsageError(`The configuration ${path} cannot be read: ${(error as Error).message}`);
  }
}
