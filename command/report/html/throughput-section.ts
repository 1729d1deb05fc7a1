/** Figures over time: a chart, and a table of what it shows. @module */
import type { ThroughputPoint } from '../evidence-schema.js';
import { type Html, html, scriptJson } from './escape.js';
import { paragraph, type Section, table } from './parts.js';

/** As many as a page of paper and a reader can take. */
const MOST_POINTS = 60;

const RATES = {
  scanned: 'scanned',
  changed: 'changed',
  vaultOps: 'vault operations',
  throttled: 'throttled',
  failed: 'failed',
} as const;
type Rate = keyof typeof RATES;

const NAMES = Object.keys(RATES) as readonly Rate[];

export interface Throughput {
  readonly section: Section;
  readonly hasChart: boolean;
}

export function throughputSection(all: readonly ThroughputPoint[]): Throughput {
  const points = thinned(all);
  const [id, title] = ['throughput', 'Throughput'];
  if (points.length < 3) {
    const text =
      points.length === 0
        ? 'The mode ran through no rows and no documents.'
        : 'The run was too short for a chart.';
    const body = [paragraph(text), ...(points.length === 0 ? [] : [figures(points)])];
    return { section: { id, title, body }, hasChart: false };
  }
  const names = NAMES.filter((name) => name === 'scanned' || (points.at(-1)?.[name] ?? 0) > 0);
  const legend = names.map((name) => html`<li class="${name}">${RATES[name]}</li>`);
  const chart = html`<figure>
      <div
        class="chart"
        id="throughput-chart"
        role="img"
        aria-label="Items per second over time; the table below has the figures"
      ></div>
      <ul class="legend">
        ${legend}
      </ul>
      <figcaption>
        Per second, over the time since the start. A scan is repeated until one finds nothing to do,
        so more is scanned than there is.
      </figcaption>
    </figure>
    <script type="application/json" id="throughput-data">
      ${dataOf(points, names)}
    </script> `;
  const details = html`<details>
    <summary>The figures of the chart</summary>
    ${figures(points)}
  </details> `;
  return { section: { id, title, body: [chart, details] }, hasChart: true };
}

/** Figures are totals: what is left out is in the next point. */
function thinned(points: readonly ThroughputPoint[]): readonly ThroughputPoint[] {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, at) => at === points.length - 1 || at % step === 0);
}

/** The first point has the rate of the second: nothing is before it. */
function perSecond(points: readonly ThroughputPoint[], at: number, name: Rate): number {
  const [before, point] = [points[Math.max(at - 1, 0)], points[Math.max(at, 1)]];
  if (!before || !point) return 0;
  const seconds = Math.max(point.atMs - before.atMs, 1) / 1_000;
  return (point[name] - before[name]) / seconds;
}

function dataOf(points: readonly ThroughputPoint[], names: readonly Rate[]): Html {
  const rates = names.map((name) => [
    name,
    points.map((_, at) => Math.round(perSecond(points, at, name) * 10) / 10),
  ]);
  return scriptJson({
    names,
    atMs: points.map(({ atMs }) => atMs),
    rates: Object.fromEntries(rates) as Record<Rate, readonly number[]>,
  });
}

function figures(points: readonly ThroughputPoint[]): Html {
  const columns = [
    'seconds',
    'scanned',
    'changed',
    'failed',
    'vault operations',
    'throttled',
    'scanned per second',
    'changed per second',
  ].map((name) => ({ name, isNumber: true }));
  const rows = points.map((point, at) => {
    const { atMs, scanned, changed, failed, vaultOps, throttled } = point;
    const rates = (['scanned', 'changed'] as const).map((name) =>
      Math.round(perSecond(points, at, name)),
    );
    return [(atMs / 1_000).toFixed(1), scanned, changed, failed, vaultOps, throttled, ...rates];
  });
  return table('Totals since the start, and rates since the row before', columns, rows);
}
