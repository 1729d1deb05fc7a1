/** A mode that runs: its product, signals, exit code, report and audit trail. @module */
import { commandText } from '../command-line/command-text.js';
import { EXIT, type ExitCode } from '../command-line/exit-codes.js';
import type { ReadFlags } from '../command-line/flag-values.js';
import { UsageError } from '../command-line/usage-error.js';
import { loadConfig, type LoadedConfig } from '../config/config-file.js';
import { openProduct, type OpenProduct } from '../config/open-product.js';
import { once } from '../config/opening.js';
import { hasConfigFile } from '../config/read-file.js';
import { exitCodeOf } from '../driving/exit-code-of.js';
import { Interruption, type Stopping, stopOnSignals } from '../driving/interruption.js';
import type { VaultMeter } from '../driving/vault-meter.js';
import type { ModeContext, ModeOutcome } from '../modes/mode.js';
import { modeOf, type ModeName } from '../modes/mode-table.js';
import { type ModeReport, type Outcome, REPORT_SCHEMA } from '../report/mode-report.js';
import { operatorWords } from '../report/operator-words.js';
import type { Output } from '../report/output.js';
import type { Gathered, Report } from '../report/report.js';
import type { ReportFile } from '../report/report-files.js';
import { reportedError, reportedValue } from '../report/reported-json.js';
import { askOnTerminal } from './confirm.js';
import type { Host } from './host.js';
import { ModeAudit } from './mode-audit.js';
import { MODE_MODULES } from './mode-modules.js';
import { version } from './parse-command.js';

const OUTCOMES: Readonly<Record<ExitCode, Outcome>> = {
  0: 'done',
  1: 'failed',
  2: 'usage',
  3: 'findings',
  4: 'unreachable',
  130: 'interrupted',
};

export function reportHead(
  mode: ModeName,
  exitCode: ExitCode,
): Pick<ModeReport, 'exitCode' | 'mode' | 'outcome' | 'schema' | 'tool'> {
  const tool = { name: 'encrypt-migrate', version: version() } as const;
  return { schema: REPORT_SCHEMA, tool, mode, outcome: OUTCOMES[exitCode], exitCode };
}

const MOMENTS = ['created-before', 'rewrapped-before'] as const;

/** Those that were passed, and those that the mode worked out of a duration. */
function momentsOf({ flags, resumeFlags }: ModeContext): Pick<ModeReport, 'moments'> {
  const moments = MOMENTS.flatMap((name) => {
    const instant = flags[name] ?? resumeFlags[name];
    return typeof instant === 'string' ? [[name, instant] as const] : [];
  });
  return moments.length === 0 ? {} : { moments: Object.fromEntries(moments) };
}

interface Ended {
  readonly outcome: ModeOutcome;
  readonly error?: unknown;
  /** For the report, where one is asked for. */
  readonly gathered?: Gathered | undefined;
}

interface Running {
  readonly mode: ModeName;
  readonly flags: ReadFlags;
  readonly output: Output;
  readonly meter: VaultMeter;
  /** Of the report. */
  readonly files: readonly ReportFile[];
}

export class RunningMode {
  readonly #host: Host;
  readonly #running: Running;
  #stopping: Stopping | undefined;
  #product: OpenProduct | undefined;
  #report: Report | undefined;
  #audit: ModeAudit | undefined;

  constructor(host: Host, running: Running) {
    this.#host = host;
    this.#running = running;
  }

  async run(): Promise<ExitCode> {
    const { clock } = this.#host;
    const startedAt = new Date(clock.wallMs()).toISOString();
    const startedMs = clock.monotonicMs();
    const context = await this.#context();
    this.#noteMoments();
    const { outcome, error, gathered } = await this.#outcome(context, startedMs);
    const findings = [...(outcome.findings ?? []), ...(gathered?.findings ?? [])];
    const report: ModeReport = {
      ...reportHead(this.#running.mode, exitCodeWith(outcome, gathered)),
      ...(this.#product && { product: this.#product.product }),
      dryRun: this.#running.flags.values['dry-run'] ?? false,
      startedAt,
      finishedAt: new Date(clock.wallMs()).toISOString(),
      durationMs: Math.round(clock.monotonicMs() - startedMs),
      ...momentsOf(context),
      result: reportedValue(outcome.result, context.documentKeys),
      findings: findings.map((each) => ({
        ...each,
        message: operatorWords(each.message),
      })),
      next: [...(outcome.next ?? [])],
      ...(error !== undefined && { error: reportedError(error) }),
    };
    const ended = { outcome, gathered };
    const audited = await this.#audited(report, ended, context);
    const printed = this.#written(audited, ended);
    this.#running.output.result(printed, outcome.views ?? []);
    return printed.exitCode as ExitCode;
  }

  async #beginAudit(config: LoadedConfig, product: OpenProduct): Promise<void> {
    const { env, clock } = this.#host;
    const { mode, flags, output } = this.#running;
    this.#audit = await ModeAudit.begin(config, {
      mode,
      flags,
      product: product.product,
      env,
      clock,
      onlyReads: isReadOnly(mode),
      note: (text) => {
        output.note(text);
      },
    });
    product.audit = this.#audit?.options;
  }

  /** @returns The report, with the error where the end could not be recorded: what the mode did is done. */
  async #audited(
    report: ModeReport,
    { outcome, gathered }: Ended,
    { hasBegun }: ModeContext,
  ): Promise<ModeReport> {
    const own = outcome.audit;
    const reportId = gathered?.evidence.id;
    try {
      await this.#audit?.end(report, { own, hasBegun, reportId });
      return report;
    } catch (error) {
      return this.#withError(report, error);
    }
  }

  #withError(report: ModeReport, error: unknown): ModeReport {
    const exitCode = report.exitCode === EXIT.done ? EXIT.failed : (report.exitCode as ExitCode);
    const head = reportHead(this.#running.mode, exitCode);
    return { ...report, ...head, error: reportedError(error) };
  }

  /** @returns The report, with the error where it could not be written: what the mode did is done anyway. */
  #written(report: ModeReport, { outcome, gathered }: Ended): ModeReport {
    try {
      if (gathered) this.#report?.write(report, gathered, outcome);
      return report;
    } catch (error) {
      return this.#withError(report, error);
    }
  }

  async #outcome(context: ModeContext, startedMs: number): Promise<Ended> {
    try {
      const ended = await this.#ended(context);
      const isOver = ended.error === undefined && !context.signal.aborted;
      const durationMs = context.clock.monotonicMs() - startedMs;
      return { ...ended, gathered: await this.#report?.after(isOver, durationMs) };
    } finally {
      this.#stopping?.end();
      await this.#close();
    }
  }

  async #ended(context: ModeContext): Promise<Ended> {
    const { mode } = this.#running;
    try {
      await this.#beginReport(context);
      const { run } = await MODE_MODULES[mode]();
      const outcome = await run(context);
      return { outcome, error: outcome.error };
    } catch (error) {
      const isStopped = context.signal.aborted || error instanceof Interruption;
      const exitCode = isStopped ? EXIT.interrupted : exitCodeOf(error, context.hasBegun);
      const command = commandText(mode, context.resumeFlags);
      const mayResume =
        (context.hasBegun || context.signal.aborted) && !(error instanceof UsageError);
      const next = mayResume ? [{ why: 'To resume', command }] : [];
      return { outcome: { exitCode, next }, error };
    }
  }

  /** Before the mode does anything. */
  async #beginReport(context: ModeContext): Promise<void> {
    const report = this.#report;
    if (!report) return;
    const { withoutProduct = false, flags } = modeOf(context.mode);
    // Some modes need no configuration: where there is none, nothing can be signed.
    const needsNone = withoutProduct && !flags.includes('config');
    if (needsNone && !hasConfigFile(context.folder)) return;
    report.sign(await context.config());
    if (!withoutProduct) await report.before(await context.product());
  }

  /** What was written is durable before: the outcome stands. */
  async #close(): Promise<void> {
    try {
      await this.#product?.close();
    } catch (error) {
      this.#running.output.note(`A store was not closed: ${reportedError(error).message}`);
    }
  }

  /** Before anything is done by them. */
  #noteMoments(): void {
    const { flags, output } = this.#running;
    for (const name of MOMENTS) {
      const instant = flags.values[name];
      if (instant !== undefined) output.note(`--${name} is ${instant}`);
    }
  }

  async #context(): Promise<ModeContext> {
    const { env, folder, stdin, stderr, clock } = this.#host;
    const { mode, flags, output } = this.#running;
    const { values, raw } = flags;
    const context = {
      mode,
      flags: values,
      raw,
      resumeFlags: raw,
      env,
      folder,
      stdin,
      clock,
      output,
      hasBegun: false,
      documentKeys: values['document-keys'] ?? false,
      config: once(() =>
        loadConfig({ ...(values.config !== undefined && { file: values.config }), folder, env }),
      ),
    };
    this.#stopping = this.#stopOnSignals(() => commandText(mode, context.resumeFlags));
    const { signal } = this.#stopping;
    this.#report = await this.#reportOf(signal);
    return Object.assign(context, {
      signal,
      record: this.#report?.record,
      product: once(async () => this.#openProduct(await context.config(), signal)),
      confirm: async (question: Parameters<ModeContext['confirm']>[0]) => {
        output.endProgress();
        if (!values.yes) await askOnTerminal(question, { stdin, stderr, signal });
      },
    });
  }

  /** The start is in the audit trail before anything of the product is opened. */
  async #openProduct(config: LoadedConfig, signal: AbortSignal): Promise<OpenProduct> {
    const { clock } = this.#host;
    const { mode, flags } = this.#running;
    const { product: name, 'dry-run': dryRun = false } = flags.values;
    const product = openProduct(config, name, {
      clock,
      signal,
      readOnly: dryRun || isReadOnly(mode),
      mayMakeTables: mode === 'move',
      ...(this.#report && { wrapDocuments: this.#report.wrapDocuments }),
    });
    this.#product = product;
    await this.#beginAudit(config, product);
    return product;
  }

  /** Loaded only where one is asked for: it brings much with it. */
  async #reportOf(signal: AbortSignal): Promise<Report | undefined> {
    const { clock, env } = this.#host;
    const { mode, flags, meter, files } = this.#running;
    if (files.length === 0) return undefined;
    const { Report: Kind } = await import('../report/report.js');
    const writes = writesOf(mode);
    const vault = (): VaultMeter['figures'] => meter.figures;
    return new Kind(files, { mode, flags, env, clock, signal, vault, writes });
  }

  #stopOnSignals(resume: () => string): Stopping {
    const { signals, stderr, stdout, exit } = this.#host;
    const stopping = stopOnSignals(signals, {
      onFirst: () => {
        this.#running.output.endProgress();
        stderr.write('Stopping: what is in flight is finished first. Once more stops at once.\n');
      },
      onSecond: () => {
        this.#report?.leave();
        stderr.write(`Stopped at once. To resume:\n  ${resume()}\n`);
        exit(EXIT.interrupted);
      },
    });
    const onLost = ({ code = 'unknown error' }: NodeJS.ErrnoException): void => {
      stopping.stop(code === 'EPIPE' ? 'the reader of the output' : `standard output (${code})`);
    };
    stdout.on('error', onLost);
    const end = (): void => {
      stopping.end();
      stdout.off('error', onLost);
    };
    return { ...stopping, end };
  }
}

/** What the evidence contradicts is not done. */
function exitCodeWith({ exitCode }: ModeOutcome, gathered: Gathered | undefined): ExitCode {
  const isContradicted = gathered?.findings.some(({ level }) => level === 'fail') ?? false;
  return isContradicted && exitCode === EXIT.done ? EXIT.findings : exitCode;
}

function writesOf(mode: ModeName): { readonly rows: boolean; readonly documents: boolean } {
  const { dekStore, documents } = modeOf(mode).permissions;
  return { rows: dekStore === 'write', documents: documents === 'write' };
}

/** What writes nothing cannot write by mistake. */
function isReadOnly(mode: ModeName): boolean {
  const { rows, documents } = writesOf(mode);
  return !rows && !documents;
}
