/** An error, as results and reports have it. @module */
import * as z from 'zod';

export const reportedErrorSchema = z.strictObject({
  name: z.string(),
  code: z.string().optional(),
  message: z.string(),
});

export type ReportedError = z.output<typeof reportedErrorSchema>;
