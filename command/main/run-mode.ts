/** Runs one mode: its flags, where it prints, and a mistake before it begins. @module */
import { type FlagValues, readFlags, type ReadFlags } from '../command-line/flag-values.js';
import type { ExitCode } from '../command-line/exit-codes.js';
import type { RawFlags } from '../command-line/flags.js';
import { exitCodeOf } from '../driving/exit-code-of.js';
import { VaultMeter } from '../driving/vault-meter.js';
import { flagsOf, modeOf, type ModeName } from '../modes/mode-table.js';
import { colorsFor } from '../report/colors.js';
import { type Format, Output } from '../report/output.js';
import { makeReportFiles, type ReportFile } from '../report/report-files.js';
import { reportedError } from '../report/reported-json.js';
import type { Host } from './host.js';
import { reportHead, RunningMode } from './running-mode.js';

export async function runMode(host: Host, mode: ModeName, raw: RawFlags): Promise<ExitCode> {
  const meter = new VaultMeter();
  let flags: ReadFlags;
  try {
    const { required = [] } = modeOf(mode);
    flags = readFlags(raw, { known: flagsOf(mode), required, env: host.env });
  } catch (error) {
    const output = outputOf(host, meter, formatOf(raw), {});
    return refused(host, mode, { output, error });
  }
  const { values } = flags;
  const output = outputOf(host, meter, values.json ? 'json' : (values.format ?? 'table'), values);
  let files: readonly ReportFile[];
  try {
    files = makeReportFiles(host.folder, values.report ?? []);
  } catch (error) {
    return refused(host, mode, { output, error });
  }
  meter.start();
  const running = new RunningMode(host, { mode, flags, output, meter, files });
  try {
    return await running.run();
  } finally {
    meter.stop();
    for (const { file } of files) file.discard();
  }
}

/** Of flags that are not read yet. */
function formatOf(raw: RawFlags): Format {
  if (raw.json === true) return 'json';
  return raw.format === 'json' || raw.format === 'jsonl' ? raw.format : 'table';
}

function outputOf(host: Host, meter: VaultMeter, format: Format, flags: FlagValues): Output {
  const { stdout, stderr, clock, env } = host;
  const noColor = flags['no-color'] ?? false;
  return new Output({
    stdout,
    stderr,
    format,
    clock,
    isQuiet: flags.quiet ?? false,
    documentKeys: flags['document-keys'] ?? false,
    colors: {
      out: colorsFor(stdout, { noColor, env }),
      err: colorsFor(stderr, { noColor, env }),
    },
    vault: () => meter.figures,
    maxVaultOps: flags['max-vault-ops'],
  });
}

/** A mistake that was found before the mode began. */
function refused(
  { clock }: Host,
  mode: ModeName,
  { output, error }: { readonly output: Output; readonly error: unknown },
): ExitCode {
  const now = new Date(clock.wallMs()).toISOString();
  const exitCode = exitCodeOf(error, false);
  output.result(
    {
      ...reportHead(mode, exitCode),
      dryRun: false,
      startedAt: now,
      finishedAt: now,
      durationMs: 0,
      findings: [],
      next: [],
      error: reportedError(error),
    },
    [],
  );
  return exitCode;
}
