/** The rows before and after. @module */
import type { CensusMoment, Evidence } from '../evidence-schema.js';
import type { Html, Shown } from './escape.js';
import { paragraph, type Section, table, time } from './parts.js';

type Moments = Pick<Evidence, 'after' | 'before'>;
type Census = CensusMoment['census'];

export function censusSection(moments: Moments): Section {
  const { before, after } = moments;
  const seen = [before, after].filter((each) => each !== undefined);
  const body =
    seen.length === 0
      ? [paragraph('The rows were not counted: the mode writes none, or they could not be seen.')]
      : [
          ...(before && after ? [] : [paragraph('Only one of the two counts could be taken.')]),
          recordTable(moments),
          countsTable(moments),
          versionsTable(moments),
          epochsTable(moments),
          ...unreadable(after?.census ?? before?.census),
        ];
  return { id: 'rows', title: 'DEK rows before and after', body };
}

const BESIDE = [{ name: '' }, { name: 'before' }, { name: 'after' }].map((each) => ({
  ...each,
  name: each.name === '' ? 'fact' : each.name,
}));
const COUNTED = BESIDE.map((each, at) => ({ ...each, isNumber: at > 0 }));

function beside(
  { before, after }: Moments,
  of: Readonly<Record<string, (moment: CensusMoment) => Shown>>,
): readonly (readonly Shown[])[] {
  return Object.entries(of).map(([name, value]) => [
    name,
    before ? value(before) : 'not seen',
    after ? value(after) : 'not seen',
  ]);
}

function recordTable(moments: Moments): Html {
  const rows = beside(moments, {
    counted: ({ takenAt }) => time(takenAt),
    'MEK version': ({ census: { rotation } }) => rotation && mekText(rotation),
    epoch: ({ census: { rotation } }) => rotation?.epoch,
    state: ({ census: { rotation } }) => rotation?.state ?? 'no record',
    settled: ({ census }) => census.settled,
  });
  return table('The rotation record', BESIDE, rows);
}

function countsTable(moments: Moments): Html {
  const rows = beside(moments, {
    rows: ({ census }) => census.rows,
    active: ({ census }) => census.active,
    retired: ({ census }) => census.retired,
    'shredded (tombstones)': ({ census }) => census.shredded,
    'not on the MEK version of the record, or below its epoch': ({ census }) => census.behind,
    'below the epoch of the record': ({ belowEpoch }) => belowEpoch,
    'above the epoch of the record': ({ census }) => census.ahead,
    unreadable: ({ census }) => census.unreadable,
  });
  return table('Rows', COUNTED, rows);
}

function versionsTable({ before, after }: Moments): Html {
  const names = new Set([before, after].flatMap((each) => each?.census.wraps.map(mekText) ?? []));
  const columns = [
    { name: 'MEK version', isCode: true },
    ...['active', 'retired', 'earlier wraps kept'].flatMap((what) =>
      ['before', 'after'].map((when) => ({ name: `${what}, ${when}`, isNumber: true })),
    ),
  ];
  const rows = [...names].map((name) => {
    const wraps = [before, after].map((each) => each && wrapOf(each.census, name));
    const counts = (['active', 'retired', 'previousWraps'] as const).flatMap((what) =>
      wraps.map((wrap) => wrap?.[what]),
    );
    return [name, ...counts];
  });
  return table('Rows by MEK version', columns, rows);
}

const NO_ROWS = { active: 0, retired: 0, previousWraps: 0 };

function wrapOf({ wraps }: Census, name: string): typeof NO_ROWS {
  return wraps.find((wrap) => mekText(wrap) === name) ?? NO_ROWS;
}

function epochsTable({ before, after }: Moments): Html {
  const all = new Set(
    [before, after].flatMap((each) => each?.census.epochs.map(({ epoch }) => epoch) ?? []),
  );
  const rows = [...all]
    .sort((one, other) => other - one)
    .map((epoch) => [`epoch ${String(epoch)}`, rowsAt(before, epoch), rowsAt(after, epoch)]);
  return table('Live rows by epoch', COUNTED, rows);
}

function rowsAt(moment: CensusMoment | undefined, epoch: number): Shown {
  if (!moment) return 'not seen';
  return moment.census.epochs.find((each) => each.epoch === epoch)?.rows ?? 0;
}

function unreadable(census: Census | undefined): readonly Html[] {
  if (!census || census.unreadableRows.length === 0) return [];
  const rows = census.unreadableRows.map(({ dekId, error }) => [dekId, error.code, error.message]);
  const columns = [{ name: 'DEK', isCode: true }, { name: 'code' }, { name: 'message' }];
  return [table('Rows that cannot be read: the first hundred', columns, rows)];
}

function mekText({
  keyProvider,
  mekName,
  mekVersion,
}: Census['wraps'][number] | NonNullable<Census['rotation']>): string {
  return `${keyProvider}/${mekName}/${mekVersion}`;
}
