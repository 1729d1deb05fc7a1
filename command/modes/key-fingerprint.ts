/** Names the MEK version of an env key. @module */
import { EnvKeyProvider } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { ModeContext, ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({ mekVersion: z.string() });

const MOST_BYTES = 4_096;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const key = await keyOf(context);
  let provider: EnvKeyProvider;
  try {
    provider = new EnvKeyProvider({ key });
  } catch {
    const { variable } = context.flags;
    const where = variable === undefined ? 'Standard input' : `The variable ${variable}`;
    throw new UsageError(`${where} holds no key: expected 32 bytes as base64, base64url or hex`);
  }
  const mekVersion = await provider.currentVersion();
  return { exitCode: EXIT.done, result: { mekVersion }, views: [{ text: mekVersion }] };
}

async function keyOf({ flags: { variable }, env, stdin }: ModeContext): Promise<string> {
  if (variable !== undefined) {
    const key = env[variable];
    if (key === undefined || key === '')
      throw new UsageError(`The variable ${variable} is not set`);
    return key;
  }
  if (stdin.isTTY === true) {
    throw new UsageError('Pass the key by --variable, or on standard input: never as an argument');
  }
  let text = '';
  for await (const part of stdin.setEncoding('utf8')) {
    text += String(part);
    if (text.length > MOST_BYTES) break;
  }
  return text.trim();
}
