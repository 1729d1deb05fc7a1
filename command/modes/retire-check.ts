/** Says whether a MEK version may be disabled, or why not yet and from when. @module */
import {
  assertRetirable,
  type MekReference,
  MekStillNeededError,
  readRecords,
  type RetirementReason,
} from '@bytelyst/field-encrypt';
import * as z from 'zod';
import { commandText } from '../command-line/command-text.js';
import { formatDuration } from '../command-line/durations.js';
import { EXIT } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';
import type { OpenProduct } from '../config/open-product.js';
import type { Finding, NextStep } from '../report/mode-report.js';
import type { View } from '../report/view.js';
import { adoptCommand, commandOn, rewrapCommand } from './inspecting/findings.js';
import type { ModeContext, ModeOutcome } from './mode.js';
import { namedMek, required } from './run-flags.js';

const moment = z.iso.datetime();
const count = z.number().int().min(0);

const reasonSchema = z.strictObject({
  /** As `RetirementReason` of the library has them, and `soak`. */
  type: z.string(),
  message: z.string(),
  /** When this reason ends by itself; absent where something has to be done. */
  until: moment.optional(),
  rows: count.optional(),
  /** The first ten. */
  dekIds: z.array(z.string()).optional(),
});

export const resultSchema = z.strictObject({
  mekVersion: z.string(),
  retirable: z.boolean(),
  soakMs: count,
  backupWindowMs: count,
  /** When the last row left the version; absent while some row is under it, or may be. */
  leftAt: moment.optional(),
  /** Every reason, not just the first. */
  reasons: z.array(reasonSchema),
  /** Not before this time; exactly from it on where `pending` is empty. */
  from: moment.optional(),
  /** Types of the reasons that do not end by themselves. */
  pending: z.array(z.string()),
  /** The length of the wait for writers. */
  waitedMs: count.optional(),
});

type Result = z.output<typeof resultSchema>;
type Reason = z.output<typeof reasonSchema>;

interface Periods {
  readonly soakMs: number;
  readonly backupWindowMs: number;
}

interface Answer {
  readonly leftAt?: string | undefined;
  readonly waitedMs?: number;
  /** One of the periods, or both, is not over. */
  readonly isEarly: boolean;
  /** Without those about time. */
  readonly reasons: readonly RetirementReason[];
}

export async function run(context: ModeContext): Promise<ModeOutcome> {
  const product = await context.product();
  const periods = periodsOf(context, product);
  const { rotation } = await readRecords(await product.search(), { signal: context.signal });
  const answer = await ask(context, product, periods);
  const timed = timedReasons(periods, answer, context.clock.wallMs());
  const reasons = [...answer.reasons.map(reportedReason), ...timed];
  const pending = [...new Set(answer.reasons.map(({ type }) => type))];
  const from = timed
    .flatMap(({ until }) => until ?? [])
    .sort()
    .at(-1);
  const { leftAt, waitedMs } = answer;
  const result: Result = {
    mekVersion: required(context.flags['mek-version']),
    retirable: reasons.length === 0,
    ...periods,
    ...(leftAt !== undefined && { leftAt }),
    reasons,
    ...(from !== undefined && { from }),
    pending,
    ...(waitedMs !== undefined && { waitedMs: Math.round(waitedMs) }),
  };
  return {
    exitCode: result.retirable ? EXIT.done : EXIT.findings,
    result,
    views: [viewOf(result)],
    findings: reasons.map((reason) => findingOf(context, reason, rotation)),
    next: nextOf(context, result),
  };
}

/** @throws UsageError where one of them is neither in the command line nor in the configuration. */
function periodsOf({ flags }: ModeContext, { retention }: OpenProduct): Periods {
  const { soak: soakMs = retention.soakMs } = flags;
  const { 'backup-window': backupWindowMs = retention.backupWindowMs } = flags;
  const problems = [
    soakMs === undefined ? '--soak is missing: pass it, or set retention.soak of the product' : '',
    backupWindowMs === undefined
      ? '--backup-window is missing: pass it, or set retention.backupWindow of the product'
      : '',
  ].filter((problem) => problem !== '');
  if (soakMs === undefined || backupWindowMs === undefined) throw new UsageError(problems);
  return { soakMs, backupWindowMs };
}

/** With the longer period, the library names the time at which the last row left in every refusal. */
async function ask(
  context: ModeContext,
  product: OpenProduct,
  { soakMs, backupWindowMs }: Periods,
): Promise<Answer> {
  const { flags, signal, output } = context;
  output.begin('retire-check');
  try {
    const { leftAt, waitedMs } = await assertRetirable(await product.encryption(), {
      mek: namedMek(context, required(flags['mek-version'])),
      backupWindowMs: Math.max(soakMs, backupWindowMs),
      allowUnknown: flags['allow-unknown'] ?? false,
      onWait: (event) => void output.event(event),
      signal,
    });
    return { leftAt, waitedMs, isEarly: false, reasons: [] };
  } catch (error) {
    if (!(error instanceof MekStillNeededError)) throw error;
    const { reasons } = error;
    const backups = reasons.find((reason) => reason.type === 'backups');
    const others = reasons.filter(({ type }) => type !== 'backups');
    return { leftAt: backups?.leftAt, isEarly: backups !== undefined, reasons: others };
  }
}

/** Soak and backups, as far as they are not over. */
function timedReasons(
  { soakMs, backupWindowMs }: Periods,
  { leftAt, isEarly }: Answer,
  nowMs: number,
): readonly Reason[] {
  if (!isEarly) return [];
  const since =
    leftAt === undefined
      ? 'rows may still be under the version'
      : `the last row left the version at ${leftAt}`;
  const fromMs = leftAt === undefined ? nowMs : Date.parse(leftAt);
  const timed = (type: string, periodMs: number, what: string): readonly Reason[] => {
    if (fromMs + periodMs <= nowMs) return [];
    const until = new Date(fromMs + periodMs).toISOString();
    const message = `${since}: the ${what} of ${formatDuration(periodMs)} is over at ${until}${leftAt === undefined ? ' or later' : ''}`;
    return [{ type, message, until }];
  };
  return [...timed('soak', soakMs, 'soak'), ...timed('backups', backupWindowMs, 'backup window')];
}

function reportedReason(reason: RetirementReason): Reason {
  const { type, message } = reason;
  if (!('rows' in reason)) return { type, message };
  return { type, message, rows: reason.rows, dekIds: [...reason.dekIds] };
}

function viewOf({ mekVersion, retirable, from, pending, leftAt }: Result): View {
  const facts = { 'last row left': leftAt };
  if (retirable) {
    return { title: `${mekVersion} may be disabled; delete it only much later`, facts };
  }
  const then = pending.length > 0 ? `, and not before these are over: ${pending.join(', ')}` : '';
  const when = from === undefined ? `unknown${then}` : `${from}${then}`;
  return {
    title: `${mekVersion} is still needed`,
    facts: { ...facts, 'would say yes from': when },
  };
}

function findingOf(
  context: ModeContext,
  { type, message }: Reason,
  target: MekReference | undefined,
): Finding {
  const command = commandFor(context, type, target);
  const found = { level: 'fail', check: type, message } as const;
  return command === undefined ? found : { ...found, command };
}

function commandFor(
  context: ModeContext,
  type: string,
  target: MekReference | undefined,
): string | undefined {
  switch (type) {
    case 'rotation-unfinished':
    case 'rows':
    case 'rows-behind':
      return rewrapAway(context, target);
    case 'current-target':
    case 'other-provider':
      return rewrapAway(context, undefined);
    case 'previous-wraps': {
      const { raw } = context;
      const { 'mek-version': version = '', 'key-provider': provider } = raw;
      const named = { 'mek-version': version, ...(provider && { 'key-provider': provider }) };
      return commandOn(context, 'prune', { ...named, ...(raw.soak && { soak: raw.soak }) });
    }
    case 'rows-ahead':
      return adoptCommand(context);
    case 'unreadable-rows':
      return commandOn(context, 'doctor');
    default:
      return undefined;
  }
}

/** Rows cannot leave a version by a rotation to that version. */
function rewrapAway(context: ModeContext, target: MekReference | undefined): string {
  const isElsewhere = target !== undefined && target.mekVersion !== context.flags['mek-version'];
  if (isElsewhere) return rewrapCommand(context, target);
  return commandOn(context, 'rewrap-deks', { 'new-mek-version': 'VERSION' });
}

function nextOf({ mode, raw }: ModeContext, result: Result): readonly NextStep[] {
  const { from, pending, retirable } = result;
  if (retirable) return [];
  const after = from === undefined ? '' : ` after ${from}`;
  const done = pending.length > 0 ? ', once the findings without a time are resolved' : '';
  return [{ why: `To ask again${after}${done}`, command: commandText(mode, raw) }];
}
