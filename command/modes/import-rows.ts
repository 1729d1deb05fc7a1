/** Brings single DEK rows back from a restored copy of the store. @module */
import { importDekRows, type ImportDekRowsEvent } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { driveRun } from '../driving/drive-run.js';
import type { Finding } from '../report/mode-report.js';
import { askBefore, listText } from './asking.js';
import { plural } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { defined, required, runOptionsOf } from './run-flags.js';
import { runsOutcome, runsSchema } from './run-report.js';
import { tapped } from './tapped.js';

const rows = z.number().int().min(0);

export const resultSchema = runsSchema.extend({
  /** Rows that were skipped, by what the store already has. */
  skipped: z.strictObject({ present: rows, 'other-dek': rows, shredded: rows, unreadable: rows }),
});

type Reason = keyof z.output<typeof resultSchema>['skipped'];

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const { flags } = context;
  const opened = await context.product();
  const [encryption, copy] = await Promise.all([
    opened.encryption(),
    opened.copy(required(flags.from)),
  ]);
  const [dekIds, scopes] = [flags['dek-id'], flags.scope];
  await askBefore(context, () =>
    Promise.resolve({
      message: `This imports ${whatText(dekIds, scopes)} from the copy ${copy.name}, ${copy.describe}, into the store of ${opened.product}. Nothing that is in the store is written over.`,
    }),
  );
  const label = 'import-rows';
  const tally = new SkippedRows(context);
  const events = importDekRows(encryption, {
    ...runOptionsOf(context),
    from: copy.dekStore,
    ...defined({ dekIds, scopes }),
  });
  const driven = await driveRun(context, label, tapped(events, tally.look));
  const outcome = runsOutcome(context, [{ label, run: driven }]);
  return {
    ...outcome,
    result: { ...(outcome.result as object), skipped: tally.counts },
    findings: tally.findings(),
  };
}

function whatText(
  dekIds: readonly string[] | undefined,
  scopes: readonly string[] | undefined,
): string {
  if (!dekIds && !scopes) return 'every row that the store does not have';
  const texts = [
    ...(dekIds ? [plural(dekIds.length, 'row')] : []),
    ...(scopes ? [`every row of ${plural(scopes.length, 'scope')}`] : []),
  ];
  return listText(texts);
}

const ACTIONS: Readonly<Record<Exclude<Reason, 'present'>, Omit<Finding, 'level'>>> = {
  'other-dek': {
    check: 'other-dek',
    message: 'the store has another DEK under the same id',
    action:
      'Keep the copy: a writer made the DEK in the store after the loss, and envelopes of both may exist',
  },
  shredded: {
    check: 'shredded',
    message: 'shredded in the store, or a later generation was',
    action: 'Name a row by --dek-id to import it nevertheless, unless it was shredded itself',
  },
  unreadable: {
    check: 'unreadable',
    message: 'in the store, where it cannot be read',
    action: 'Keep a copy of each item, delete it by hand, and run the import again',
  },
};

class SkippedRows {
  readonly counts: Record<Reason, number> = {
    present: 0,
    'other-dek': 0,
    shredded: 0,
    unreadable: 0,
  };
  readonly #context: ModeContext;

  constructor(context: ModeContext) {
    this.#context = context;
  }

  readonly look = (event: ImportDekRowsEvent): void => {
    if (event.type !== 'skipped') return;
    const { dekId, reason } = event;
    this.counts[reason] += 1;
    if (reason !== 'present') this.#context.output.note(`skipped ${dekId}: ${reason}`);
  };

  findings(): readonly Finding[] {
    return Object.entries(ACTIONS).flatMap(([reason, finding]) => {
      const count = this.counts[reason as Reason];
      const message = `Skipped ${plural(count, 'row')} of the copy: ${finding.message}`;
      return count === 0 ? [] : [{ level: 'warn' as const, ...finding, message }];
    });
  }
}
