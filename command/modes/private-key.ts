/** Reads the private recovery key of a command. @module */
import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';
import type { ModeContext } from './mode.js';
import { readNamedFile } from './named-file.js';

export interface PrivateKey {
  /** PEM. */
  readonly privateKey: string;
  readonly passphrase?: string;
}

/** @throws UsageError where the file, its content or the passphrase is not what is needed. */
export function readPrivateKey(context: ModeContext, file: string): PrivateKey {
  const key = { privateKey: textOf(context, file), ...passphraseOf(context) };
  const { privateKey, passphrase } = key;
  try {
    createPrivateKey({ key: privateKey, ...(passphrase !== undefined && { passphrase }) });
  } catch {
    throw new UsageError(
      `--private-key: the file ${file} does not open as a private key in PEM: check the file, and name the variable of its passphrase by --passphrase-variable where it is encrypted`,
    );
  }
  return key;
}

function textOf({ folder }: ModeContext, file: string): string {
  return readNamedFile({ path: resolve(folder, file), file, flag: 'private-key' }).toString();
}

function passphraseOf({ flags, env }: ModeContext): Pick<PrivateKey, 'passphrase'> {
  const name = flags['passphrase-variable'];
  if (name === undefined) return {};
  const passphrase = env[name];
  if (passphrase) return { passphrase };
  throw new UsageError(`--passphrase-variable: the variable ${name} is not set, or is empty`);
}
