/** Shows the configuration in effect. @module */
import * as z from 'zod';
import { EXIT } from '../command-line/exit-codes.js';
import { productIn } from '../config/open-product.js';
import { showConfig, type ShownValue } from '../config/show-config.js';
import type { ModeContext, ModeOutcome } from './mode.js';

const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file') }),
  z.strictObject({ kind: z.literal('variable'), name: z.string() }),
  z.strictObject({ kind: z.literal('default') }),
]);

export const resultSchema = z.strictObject({
  /** The file that was read. */
  file: z.string(),
  values: z.array(
    z.strictObject({
      path: z.string(),
      /** `hidden`: it is set, and a secret. */
      state: z.enum(['shown', 'hidden', 'not-set']),
      value: z.json().optional(),
      source: sourceSchema,
    }),
  ),
});

type Result = z.output<typeof resultSchema>;

export async function run({ config, flags }: ModeContext): Promise<ModeOutcome> {
  const loaded = await config();
  const { product } = flags;
  const values = showConfig(loaded, product && productIn(loaded, product));
  const result: Result = { file: loaded.file, values: [...values] };
  const rows = values.map((each) => ({
    value: each.path,
    is: textOf(each),
    from: sourceOf(each),
  }));
  return { exitCode: EXIT.done, result, views: [{ title: loaded.file, rows }] };
}

function textOf({ state, value }: ShownValue): string {
  if (state === 'hidden') return '(set, hidden)';
  if (state === 'not-set') return '(not set)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sourceOf({ source }: ShownValue): string {
  return source.kind === 'variable' ? `variable ${source.name}` : source.kind;
}
