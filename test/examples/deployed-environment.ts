/** What the notes backend makes of the environment of a deployment, with secrets of a test in it. @module */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readConfig, type Config } from '../../examples/notes-backend/src/lib/config.js';
import { readEnvironment } from '../../examples/notes-backend/src/lib/environment.js';
import { variablesSchema } from '../../examples/notes-backend/src/lib/variables.js';

export type Variables = Readonly<Record<string, string>>;

/** Of other software in the container. */
const FOREIGN = [
  'AZURE_TOKEN_CREDENTIALS',
  'IDENTITY_ENDPOINT',
  'IDENTITY_HEADER',
  'NODE_EXTRA_CA_CERTS',
];

/** Of the variables that hold a secret, a value of their form. */
export function sampleSecret(name: string): string {
  const bytes = randomBytes(32);
  if (name === 'AUDIT_SECRETS') return `whsec_${bytes.toString('base64')}`;
  if (name === 'METRICS_TOKEN') return bytes.toString('base64url');
  if (name === 'jwt.env')
    return `JWT_CURRENT_KID=k1\nJWT_CURRENT_SECRET=${bytes.toString('base64url')}\n`;
  return bytes.toString('base64');
}

/** @returns The names that the service does not read. */
export function unknownVariables(names: readonly string[]): readonly string[] {
  return names.filter((name) => !(name in variablesSchema.shape) && !FOREIGN.includes(name));
}

/** As the service at its start. @throws ConfigError with every problem. */
export function configOf(variables: Variables): Config {
  if (variables['JWT_FILE'] === undefined) return readConfig(readEnvironment(variables));
  return readConfig(readEnvironment({ ...variables, JWT_FILE: jwtFile() }));
}

function jwtFile(): string {
  const folder = folderForTest();
  writeFileSync(join(folder, 'jwt.env'), sampleSecret('jwt.env'));
  return join(folder, 'jwt.env');
}

export function folderForTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-deployment-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
