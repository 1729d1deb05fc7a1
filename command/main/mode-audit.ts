/** The audit trail of one mode: its start, its end, and what waits to be sent. @module */
import { randomBytes } from 'node:crypto';
import {
  beginAuditedOperation,
  type AuditedOperation,
  type AuditOptions,
  type Clock,
} from '@bytelyst/field-encrypt';
import { commandText, withoutDocumentKeys } from '../command-line/command-text.js';
import { EXIT } from '../command-line/exit-codes.js';
import type { ReadFlags } from '../command-line/flag-values.js';
import { UsageError } from '../command-line/usage-error.js';
import { openAudit, type OpenAudit } from '../config/audit.js';
import type { LoadedConfig } from '../config/config-file.js';
import type { Environment, ModeOutcome } from '../modes/mode.js';
import type { ModeReport } from '../report/mode-report.js';
import { reportedError } from '../report/reported-json.js';
import { version } from './parse-command.js';

export interface AuditedMode {
  readonly mode: string;
  readonly flags: ReadFlags;
  readonly product: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** A mode that only reads goes on without the trail: it may be what the repair needs. */
  readonly onlyReads: boolean;
  /** Prints a remark. */
  readonly note: (text: string) => void;
}

interface EndedMode {
  /** The event of the mode itself. */
  readonly own: ModeOutcome['audit'];
  /** Whether something may have been written. */
  readonly hasBegun: boolean;
  readonly reportId: string | undefined;
}

/** How long the end of a mode may wait for the service: what is left is in the spool. */
const SEND_MS = 5_000;

export class ModeAudit {
  readonly #open: OpenAudit;
  readonly #operation: AuditedOperation;
  readonly #note: (text: string) => void;

  private constructor(open: OpenAudit, operation: AuditedOperation, note: (text: string) => void) {
    this.#open = open;
    this.#operation = operation;
    this.#note = note;
  }

  /**
   * @returns `undefined` where nothing is recorded.
   * @throws FieldEncryptionError where the start of a mode that writes cannot be recorded: it may do nothing then.
   */
  static async begin(config: LoadedConfig, audited: AuditedMode): Promise<ModeAudit | undefined> {
    const { onlyReads, note } = audited;
    const open = await openAudit(config, audited.clock);
    if (!open) return undefined;
    try {
      return new ModeAudit(open, await beginOperation(open, audited), note);
    } catch (error) {
      await open.close(0);
      if (error instanceof UsageError || !onlyReads) throw error;
      note(`Nothing is recorded in the audit trail: ${reportedError(error).message}`);
      return undefined;
    }
  }

  /** For the runs of the mode. */
  get options(): AuditOptions {
    return this.#operation.audit;
  }

  /**
   * @throws FieldEncryptionError where the end cannot be recorded: what the mode did is done.
   */
  async end(report: ModeReport, { own, hasBegun, reportId }: EndedMode): Promise<void> {
    const { outcome, exitCode, durationMs, findings, error } = report;
    try {
      if (own) await this.#operation.write(own.what, own.facts);
      await this.#operation.end(howItEnded(report, hasBegun), {
        ...(error && { errorCode: error.code ?? 'OTHER' }),
        facts: {
          outcome,
          exitCode,
          durationMs,
          ...(reportId !== undefined && { reportId }),
          checks: findings.map(({ check, level }) => ({ check, level })),
        },
      });
    } finally {
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    const { events = 0, lastFailure = 'no answer' } = (await this.#open.close(SEND_MS)) ?? {};
    if (events === 0) return;
    this.#note(
      `${String(events)} audit events wait in the spool (${lastFailure}): the next command sends them, or encrypt-migrate audit send`,
    );
  }
}

function beginOperation(
  { sink }: OpenAudit,
  { mode, flags, product, env, clock }: AuditedMode,
): Promise<AuditedOperation> {
  const { raw, values } = flags;
  const { user } = values;
  const audit = { sink, traceparent: traceparentOf(env), ...(user !== undefined && { user }) };
  return beginAuditedOperation(
    { product, audit, clock },
    {
      name: mode,
      facts: {
        command: commandText(mode, withoutDocumentKeys(raw)),
        dryRun: values['dry-run'] ?? false,
        tool: { name: 'encrypt-migrate', version: version() },
      },
    },
  );
}

function howItEnded(
  { exitCode, error }: ModeReport,
  hasBegun: boolean,
): Parameters<AuditedOperation['end']>[0] {
  if (exitCode === EXIT.interrupted) return 'stopped';
  if (error === undefined) return 'finished';
  return hasBegun ? 'failed' : 'refused';
}

/** https://www.w3.org/TR/trace-context/ */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The one of the pipeline, or a new one: the events of one command have one trace id. */
function traceparentOf({ TRACEPARENT: given }: Environment): string {
  if (given !== undefined && TRACEPARENT.test(given)) return given;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
