/** Makes a key. @module */
import { randomBytes } from 'node:crypto';
import { EnvKeyProvider } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import type { ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({
  /** Never in a report file. */
  key: z.string().optional(),
  mekVersion: z.string(),
});

const KEY_BYTES = 32;

/** The key goes to standard output alone, never into a report, and there with nothing else: it can be piped into a secret store. */
export async function run(): Promise<ModeOutcome> {
  const key = randomBytes(KEY_BYTES).toString('base64');
  const mekVersion = await new EnvKeyProvider({ key }).currentVersion();
  return {
    exitCode: EXIT.done,
    result: { key, mekVersion },
    reportedResult: { mekVersion },
    views: [{ text: key }],
  };
}
