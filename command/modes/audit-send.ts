/** Sends the audit events that wait in the spool. @module */
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import { openAudit } from '../config/audit.js';
import { plural } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';

export const resultSchema = z.strictObject({
  /** Events that still wait. */
  waiting: z.number().int(),
  /** Why the last attempt failed: a status of HTTP or a code. */
  lastFailure: z.string().optional(),
});

type Result = z.output<typeof resultSchema>;

/** The service may take long for what it missed. */
const MOST_MS = 300_000;

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const config = await context.config();
  const audit = await openAudit(config, context.clock);
  if (!audit) {
    throw new UsageError(
      `${config.file}: has no "audit": configure where the audit trail goes, or leave this mode out`,
    );
  }
  const { events: waiting, lastFailure } = (await audit.close(MOST_MS)) ?? { events: 0 };
  const result: Result = { waiting, ...(lastFailure !== undefined && { lastFailure }) };
  if (waiting === 0) {
    return { exitCode: EXIT.done, result, views: [{ text: 'No audit event waits.' }] };
  }
  const why = lastFailure === undefined ? '' : `: ${lastFailure}`;
  const text = `${plural(waiting, 'audit event')} could not be sent to ${audit.describe}${why}`;
  const next = [{ why: 'To try again', command: 'encrypt-migrate audit send' }];
  return { exitCode: EXIT.unreachable, result, views: [{ text }], next };
}
