/** Checks the configuration: everything is opened, and no service is asked. @module */
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import { checkConfig } from '../config/check-config.js';
import type { ModeContext, ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({
  /** The file that was read. */
  file: z.string(),
  products: z.array(z.string()),
  /** What was opened. */
  parts: z.array(z.strictObject({ path: z.string(), is: z.string() })),
});

type Result = z.output<typeof resultSchema>;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const config = await context.config();
  const { parts, problems } = await checkConfig(config, context.clock);
  if (problems.length > 0) {
    throw new UsageError(problems.map((problem) => `${config.file}: ${problem}`));
  }
  const { file, settings } = config;
  const products = Object.keys(settings.products);
  const result: Result = { file, products, parts: [...parts] };
  const views = [
    { rows: parts.map(({ path, is }) => ({ path, is })) },
    { text: `${file} is complete; whether the services answer, preflight says.` },
  ];
  return { exitCode: EXIT.done, result, views };
}
