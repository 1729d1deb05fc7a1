/** Looks for texts of notes, keys and tokens where none may be. @module */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SecretIndex } from '../support/secrets/secret-index.js';
import type { Variables } from '../support/running-backend.js';

/** Values of such variables are secrets, except for public keys, addresses and paths. */
const SECRET_NAME = /(SECRET|TOKEN|PASSPHRASE|PASSWORD|(^|_)KEYS?$)/;
const PUBLIC_VALUE = /^(https?:|-----BEGIN PUBLIC KEY)/;

/** Files that a runbook makes to hold a secret. They are for their owner alone. */
const SECRET_FILES: readonly string[] = ['recovery-private.pem', 'recovery.pem'];
const OTHERS_MAY = 0o077;

export class SecretSearch {
  readonly #index = new SecretIndex();

  addText(text: string): void {
    this.#index.addText(text);
  }

  addVariables(variables: Variables): void {
    for (const [name, value] of Object.entries(variables)) {
      if (!SECRET_NAME.test(name) || PUBLIC_VALUE.test(value) || existsSync(value)) continue;
      for (const part of value.split(',')) {
        this.#index.addText(part);
        this.#index.addBytes(Buffer.from(part, 'base64'));
      }
    }
  }

  get size(): number {
    return this.#index.size;
  }

  problemsInText(text: string, place: string): readonly string[] {
    const found = this.#index.findIn(text);
    return found === undefined ? [] : [`${place} has ${found}`];
  }

  /** A channel on which there is nothing at all proves nothing. */
  problemsInChannels(channels: Readonly<Record<string, readonly string[]>>): readonly string[] {
    return Object.entries(channels).flatMap(([name, texts]) =>
      texts.length === 0
        ? [`${name}: there is nothing`]
        : texts.flatMap((text) => this.problemsInText(text, name)),
    );
  }

  /** Of all files in the folder; links are not followed. */
  problemsInFolder(folder: string): readonly string[] {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return this.problemsInFolder(path);
      if (!entry.isFile()) return [];
      if (!SECRET_FILES.includes(entry.name)) {
        return this.problemsInText(readFileSync(path, 'latin1'), path);
      }
      const { mode } = statSync(path);
      return (mode & OTHERS_MAY) === 0 ? [] : [`${path} can be read by others`];
    });
  }
}
