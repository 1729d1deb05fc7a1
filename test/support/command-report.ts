/** What the command prints with `--json`, checked against its published schema. @module */
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import * as z from 'zod';
import { reportSchema, type ModeReport } from '../../command/report/mode-report.js';

/**
 * @param resultSchema - Of the mode.
 * @throws Where the text is not one report, or is not as the schema says.
 */
export function reportIn(
  { stdout }: { readonly stdout: string },
  resultSchema: z.ZodType,
): ModeReport {
  const report = JSON.parse(stdout) as ModeReport;
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  formats.default.default(ajv);
  const validate = ajv.compile(z.toJSONSchema(reportSchema(resultSchema)));
  if (!validate(report)) throw new Error(ajv.errorsText(validate.errors));
  return report;
}
