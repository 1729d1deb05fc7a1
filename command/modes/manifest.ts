/** Describes the command for scripts. @module */
import * as z from 'zod';
import type { ModeOutcome } from './mode.js';
export const resultSchema = z.unknown();
export function run(): Promise<ModeOutcome> {
  throw new Error('stub');
}
