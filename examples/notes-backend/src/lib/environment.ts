/** The environment, with what may change while the process runs. @module */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError, type Environment } from './config.js';

/**
 * Variables of `JWT_FILE` replace those of the process: a mounted secret can change, the environment cannot.
 *
 * @throws ConfigError where the file cannot be read, or has other variables.
 */
export function readEnvironment(environment: Environment): Environment {
  const { JWT_FILE: file } = environment;
  if (!file) return environment;
  const fromFile = parseEnv(textOf(file));
  const others = Object.keys(fromFile).filter((name) => !/^JWT_(?!FILE$)/.test(name));
  if (others.length > 0) {
    throw new ConfigError([
      { variable: 'JWT_FILE', problem: 'may only have lines JWT_…=…, and not JWT_FILE' },
    ]);
  }
  return { ...environment, ...fromFile };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError([{ variable: 'JWT_FILE', problem: 'names a file that cannot be read' }]);
  }
}
