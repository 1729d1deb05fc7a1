/** What a mode reports: the JSON of `--json` and of reports, version 1. @module */
import * as z from 'zod';
import { evidenceSchema, reportItemSchema, sealSchema } from './evidence-schema.js';
import { reportedErrorSchema } from './reported-error.js';

export const REPORT_SCHEMA = 1;

/** `unseen`: the command cannot see it from where it runs. */
export const findingSchema = z.strictObject({
  level: z.enum(['ok', 'warn', 'fail', 'unseen']),
  /** A stable name. */
  check: z.string(),
  message: z.string(),
  /** What to do, in words. */
  action: z.string().optional(),
  /** The command that does it. */
  command: z.string().optional(),
});

export const nextStepSchema = z.strictObject({ why: z.string(), command: z.string() });

/** @param result - The schema of what the mode itself reports. */
export function reportSchema<Result extends z.ZodType>(result: Result) {
  return z.strictObject({
    schema: z.literal(REPORT_SCHEMA),
    tool: z.strictObject({ name: z.literal('encrypt-migrate'), version: z.string() }),
    mode: z.string(),
    product: z.string().optional(),
    dryRun: z.boolean(),
    outcome: z.enum(['done', 'failed', 'usage', 'findings', 'unreachable', 'interrupted']),
    exitCode: z.number().int(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime(),
    durationMs: z.number(),
    /** The instants that flags with a date and time were understood as. */
    moments: z.record(z.string(), z.iso.datetime()).optional(),
    /** Absent where the mode did not come so far. */
    result: result.optional(),
    findings: z.array(findingSchema),
    next: z.array(nextStepSchema),
    error: reportedErrorSchema.optional(),
  });
}

/** What a report file has on top: `items` first, `evidence` and `seal` last. */
export const fileSchema = z.strictObject({
  items: z.array(reportItemSchema),
  evidence: evidenceSchema,
  seal: sealSchema,
});

export type Finding = z.output<typeof findingSchema>;
export type NextStep = z.output<typeof nextStepSchema>;
export type ModeReport = z.output<ReturnType<typeof reportSchema<z.ZodUnknown>>>;
export type Outcome = ModeReport['outcome'];
