/** The rotation record and the census, as the modes that only read report them. @module */
import { type Census, type ProductRecords, takeCensus } from '@bytelyst/field-encrypt';
import type * as z from 'zod';
import { formatDuration } from '../../command-line/durations.js';
import type { OpenProduct } from '../../config/open-product.js';
import type { rotationSchema } from '../../report/census-schema.js';
import type { Finding } from '../../report/mode-report.js';
import type { View } from '../../report/view.js';
import type { ModeContext } from '../mode.js';
import { adoptCommand, commandOn, errorText, mekText, plural, rewrapCommand } from './findings.js';

type Rotation = NonNullable<ProductRecords['rotation']>;

export function reportedRotation({
  history,
  ...rotation
}: Rotation): z.output<typeof rotationSchema> {
  return { ...rotation, history: history.length };
}

export function rotationView(rotation: Rotation | undefined): View {
  if (!rotation) return { text: 'There is no rotation record that can be read.' };
  const { epoch, state, startedAt, fencedAt, completedAt, fenceTtlMs, history } = rotation;
  return {
    title: 'Rotation',
    facts: {
      state,
      epoch,
      'MEK version': mekText(rotation),
      started: startedAt,
      fenced: fencedAt,
      completed: completedAt,
      'fence time': formatDuration(fenceTtlMs),
      'earlier rotations': history.length,
    },
  };
}

export function censusViews(census: Census): readonly View[] {
  const { rows, active, retired, shredded, behind, ahead, unreadable, wraps } = census;
  return [
    { title: 'DEK rows', facts: { rows, active, retired, shredded, behind, ahead, unreadable } },
    {
      title: 'DEKs by MEK version',
      rows: wraps.map((wrap) => ({
        'MEK version': mekText(wrap),
        active: wrap.active,
        retired: wrap.retired,
        'earlier wraps kept': wrap.previousWraps,
      })),
    },
  ];
}

interface Seen {
  readonly records: ProductRecords;
  /** Absent where the rotation record cannot be read. */
  readonly census?: Census | undefined;
}

/** @returns Nothing where the rotation record cannot be read, which is a finding of its own. */
export async function censusBeside(
  { signal }: Pick<ModeContext, 'signal'>,
  product: OpenProduct,
  { unreadable }: ProductRecords,
): Promise<Census | undefined> {
  if (unreadable.some(({ id }) => id === 'rotation')) return undefined;
  return takeCensus(await product.search(), { signal, allowEmpty: true });
}

/** What is unfinished or wrong with the record and the rows. */
export function rowFindings(
  context: Pick<ModeContext, 'raw'>,
  { records, census }: Seen,
): readonly Finding[] {
  return [...recordFindings(context, records), ...(census ? censusFindings(context, census) : [])];
}

function recordFindings(
  context: Pick<ModeContext, 'raw'>,
  records: ProductRecords,
): readonly Finding[] {
  const { rotation, unreadable, product } = records;
  const found: Finding[] = unreadable.map(({ scopeId, id, error }) => ({
    level: 'fail',
    check: 'records',
    message: `The item ${id ?? '(unknown id)'} of ${scopeId} cannot be read: ${errorText(error)}`,
  }));
  const command = adoptCommand(context);
  if (!rotation && unreadable.every(({ id }) => id !== 'rotation')) {
    const message = `The product "${product}" has rows and no rotation record`;
    const action = 'Restore the record from a backup, or make a new one:';
    found.push({ level: 'fail', check: 'rotation', message, action, command });
  }
  if (rotation?.restored) {
    const message = `The rotation record (epoch ${String(rotation.epoch)}) is older than the epoch that the configuration requires: it was restored`;
    found.push({ level: 'fail', check: 'rotation', message, command });
  }
  if (rotation && rotation.state !== 'complete') found.push(unfinishedRotation(context, rotation));
  return found;
}

function unfinishedRotation(context: Pick<ModeContext, 'raw'>, rotation: Rotation): Finding {
  const { epoch, state, startedAt } = rotation;
  return {
    level: 'warn',
    check: 'rotation',
    message: `The rotation to ${mekText(rotation)} (epoch ${String(epoch)}) is unfinished: ${state}, since ${startedAt}`,
    action: 'Unless another process runs it now, finish it:',
    command: rewrapCommand(context, rotation),
  };
}

function censusFindings(
  context: Pick<ModeContext, 'raw'>,
  { rotation, behind, ahead, unreadable, unreadableRows }: Census,
): readonly Finding[] {
  const found: Finding[] = [];
  if (rotation?.state === 'complete' && behind > 0) {
    found.push({
      level: 'warn',
      check: 'rows-behind',
      message: `${plural(behind, 'row')} of the ${mekText(rotation)} rotation are behind: on another MEK version, or below epoch ${String(rotation.epoch)}`,
      command: rewrapCommand(context, rotation),
    });
  }
  if (ahead > 0) {
    found.push({
      level: 'fail',
      check: 'rows-ahead',
      message: `${plural(ahead, 'row')} above the epoch of the rotation record: the record was restored from an older state`,
      command: adoptCommand(context),
    });
  }
  if (unreadable > 0) {
    const [first] = unreadableRows;
    const example = first ? `, the first is ${first.dekId}: ${errorText(first.error)}` : '';
    found.push({
      level: 'fail',
      check: 'unreadable-rows',
      message: `${plural(unreadable, 'row')} cannot be read${example}`,
      command: commandOn(context, 'doctor'),
    });
  }
  return found;
}
