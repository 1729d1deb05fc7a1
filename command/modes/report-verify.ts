/** Checks the seal of a report. @module */
import { resolve } from 'node:path';
import * as z from 'zod';
import { UsageError } from '../command-line/usage-error.js';
import { reportSecretsOf } from '../config/report-secrets.js';
import { sealSchema } from '../report/evidence-schema.js';
import type { Finding } from '../report/mode-report.js';
import { readSealedReport, verifySeal } from '../report/verify-seal.js';
import { exitCodeOfFindings } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { required } from './run-flags.js';

export const resultSchema = z.strictObject({
  file: z.string(),
  format: z.enum(['json', 'html']),
  /** SHA-256 of all bytes before the last line; of all of them where there is no seal. */
  sha256: z.string(),
  /** When it says that it was written. */
  writtenAt: z.iso.datetime().optional(),
  /** What the last line says; absent where it is no seal. */
  seal: sealSchema.optional(),
  genuine: z.boolean(),
});

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const file = required(context.flags.file);
  const config = await context.config();
  const secrets = reportSecretsOf(config);
  if (secrets.length === 0) {
    throw new UsageError(
      `${config.file}: has no "reportSecrets": name the variable with the secret of the reports there`,
    );
  }
  const report = await readSealedReport(resolve(context.folder, file), file);
  const verdict = verifySeal(report, secrets);
  const { format, sha256, seal } = report;
  const writtenAt = seal && new Date(seal.timestamp * 1_000).toISOString();
  const genuine = verdict.level === 'ok';
  const finding: Finding = { ...verdict, message: `${file} ${verdict.message}` };
  return {
    exitCode: exitCodeOfFindings([finding]),
    result: {
      file,
      format,
      sha256,
      ...(writtenAt && { writtenAt }),
      ...(seal && { seal }),
      genuine,
    },
    views: [{ facts: { file, format, written: writtenAt, report: seal?.id, sha256, genuine } }],
    findings: [finding],
  };
}
