/** Worlds whose reports are signed, and what is in their reports. @module */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as z from 'zod';
import { fileSchema, reportSchema, type ModeReport } from '../../command/report/mode-report.js';
import { reportIn } from './command-report.js';
import { CommandWorld, type CommandOutcome, type WorldOptions } from './command-world.js';

export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** @param secrets - The value of the variable; `undefined` leaves it unset. */
export async function signedWorld(
  secrets: string | undefined,
  { config = (own) => own, ...options }: WorldOptions = {},
): Promise<CommandWorld> {
  const world = await CommandWorld.make({
    ...options,
    config: (own) => ({ ...config(own), reportSecrets: { env: 'REPORT_SECRETS' } }),
  });
  return Object.assign(world, { env: { ...world.env, REPORT_SECRETS: secrets } });
}

export function textOf({ folder }: CommandWorld, file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

export type WholeReport = ModeReport & z.output<typeof fileSchema>;

export interface ReportedRun {
  readonly outcome: CommandOutcome;
  readonly report: WholeReport;
}

/** Runs the mode with a report, which has to be as the published schema says. */
export async function reported(
  world: CommandWorld,
  schema: z.ZodType,
  args: readonly string[],
): Promise<ReportedRun> {
  const outcome = await world.run([...args, '--report', 'report.json']);
  const whole = reportSchema(schema).extend(fileSchema.shape);
  const report = reportIn({ stdout: textOf(world, 'report.json') }, schema, whole);
  return { outcome, report: report as WholeReport };
}
