/** Describes the command for scripts and agents: the same tables that help and the parser use. @module */
import * as z from 'zod';
import { EXIT, EXIT_MEANINGS, type ExitCode } from '../command-line/exit-codes.js';
import { FLAG_VALUES } from '../command-line/flag-values.js';
import { FLAG_NAMES, flagOf, type FlagName, variableOf } from '../command-line/flags.js';
import { fileSchema, REPORT_SCHEMA, reportSchema } from '../report/mode-report.js';
import type { ModeModule, ModeOutcome } from './mode.js';
import { flagsOf, MODE_NAMES, modeOf, type ModeName } from './mode-table.js';

const access = z.enum(['none', 'read', 'write']);
const jsonSchema = z.record(z.string(), z.unknown());

export const resultSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  exitCodes: z.record(z.string(), z.string()),
  /** Of what a report file has on top of the output of the mode. */
  reportFile: jsonSchema,
  flags: z.record(
    z.string(),
    z.strictObject({
      description: z.string(),
      /** Absent for a switch. */
      argument: z.string().optional(),
      repeatable: z.boolean(),
      /** Absent where the flag has to be in the command line. */
      variable: z.string().optional(),
      /** Of the text of its value, or of a switch. */
      value: jsonSchema,
    }),
  ),
  modes: z.record(
    z.string(),
    z.strictObject({
      summary: z.string(),
      example: z.string(),
      flags: z.array(z.string()),
      required: z.array(z.string()),
      exitCodes: z.array(z.number()),
      permissions: z.strictObject({
        vault: z.array(z.enum(['get', 'unwrapKey', 'wrapKey'])),
        dekStore: access,
        documents: access,
      }),
      /** In place of those of `permissions`, with --report: digests of sample documents are in it. */
      permissionsWithReport: z.strictObject({ documents: access }).optional(),
      asks: z.enum(['product', 'yes']).optional(),
      /** Of what `--json` prints. */
      output: jsonSchema,
    }),
  ),
});

type Manifest = z.output<typeof resultSchema>;

/** @param modules - Of all modes: each knows the schema of its result. */
export async function manifestOf(
  modules: Readonly<Record<ModeName, () => Promise<ModeModule>>>,
): Promise<ModeOutcome> {
  const modes: Record<string, Manifest['modes'][string]> = {};
  for (const name of MODE_NAMES) modes[name] = modeEntry(name, await modules[name]());
  const flags = Object.fromEntries(FLAG_NAMES.map((name) => [name, flagEntry(name)]));
  const exitCodes = Object.fromEntries(Object.entries(EXIT_MEANINGS));
  const reportFile = z.toJSONSchema(fileSchema, { io: 'output' });
  const result: Manifest = { schema: REPORT_SCHEMA, exitCodes, reportFile, flags, modes };
  const rows = MODE_NAMES.map((name) => ({ mode: name, 'what it does': modeOf(name).summary }));
  return { exitCode: EXIT.done, result, views: [{ rows }] };
}

function modeEntry(
  name: ModeName,
  { resultSchema: result }: ModeModule,
): Manifest['modes'][string] {
  const { summary, example, required = [], permissions, asks } = modeOf(name);
  return {
    summary,
    example: `encrypt-migrate ${example}`,
    flags: [...flagsOf(name)],
    required: [...required],
    exitCodes: [...exitCodesOf(name)],
    permissions: { ...permissions, vault: [...permissions.vault] },
    ...(permissions.dekStore === 'write' &&
      permissions.documents === 'none' && {
        permissionsWithReport: { documents: 'read' as const },
      }),
    ...(asks && { asks }),
    output: z.toJSONSchema(reportSchema(result), { io: 'output' }),
  };
}

/** Without a product, there is most often nothing to reach, and nothing to find. */
function exitCodesOf(name: ModeName): readonly ExitCode[] {
  const { withoutProduct, hasFindings, reaches } = modeOf(name);
  const ofItself: readonly ExitCode[] = [
    ...(reaches ? [] : [EXIT.unreachable]),
    ...(hasFindings ? [] : [EXIT.findings]),
  ];
  const all = Object.values(EXIT);
  return withoutProduct ? all.filter((code) => !ofItself.includes(code)) : all;
}

function flagEntry(name: FlagName): Manifest['flags'][string] {
  const { description, ...flag } = flagOf(name);
  const variable = variableOf(name);
  return {
    description,
    ...(flag.argument !== undefined && { argument: flag.argument }),
    repeatable: flag.repeatable ?? false,
    ...(variable !== undefined && { variable }),
    value: z.toJSONSchema(FLAG_VALUES[name], { io: 'input' }),
  };
}
