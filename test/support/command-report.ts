/** What the command prints with `--json`, checked against its published schema. @module */
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import * as z from 'zod';
import { parseCommand } from '../../command/main/parse-command.js';
import { reportSchema, type ModeReport } from '../../command/report/mode-report.js';

/**
 * @param resultSchema - Of the mode.
 * @param schema - Of all of it.
 * @throws Where the text is not one report, is not as the schema says, or prints a command that does not exist.
 */
export function reportIn(
  { stdout }: { readonly stdout: string },
  resultSchema: z.ZodType,
  schema: z.ZodType = reportSchema(resultSchema),
): ModeReport {
  const report = JSON.parse(stdout) as ModeReport;
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  formats.default.default(ajv);
  const validate = ajv.compile(z.toJSONSchema(schema));
  if (!validate(report)) throw new Error(ajv.errorsText(validate.errors));
  for (const { command } of [...report.findings, ...report.next]) requireRunnable(command);
  return report;
}

/** @throws Where the command names a mode or a flag that does not exist. */
export function requireRunnable(command: string | undefined): void {
  const [name, ...words] = (command ?? '').match(/'[^']*'|\S+/g) ?? [];
  if (name === undefined) return;
  if (name !== 'encrypt-migrate') throw new Error(`Not a command of this package: ${name}`);
  const plain = words.map((word) => word.replace(/^'(.*)'$/, '$1'));
  if (parseCommand(plain, {}).kind !== 'mode')
    throw new Error(`It only prints help: ${String(command)}`);
}
